#include "broker/group/consumer_options.hpp"

#include <catch2/catch.hpp>

using namespace sluice::broker;
using namespace std::chrono_literals;

namespace {

constexpr auto kSession = "consumer.session.timeout.ms";
constexpr auto kHeartbeat = "consumer.heartbeat.interval.ms";

TEST_CASE("a group without settings of its own goes by the broker's", "[group]") {
  const auto options = group::consumer_options({}, {}, "g");
  CHECK(options.session_timeout == 45s);
  CHECK(options.heartbeat_interval == 5s);
}

TEST_CASE("a group's own settings override the broker's, for that group only", "[group]") {
  controller::MetadataImage image;
  image.set_group_config("g", kSession, "50000");
  CHECK(group::consumer_options({}, image, "g").session_timeout == 50s);
  CHECK(group::consumer_options({}, image, "g").heartbeat_interval == 5s);
  CHECK(group::consumer_options({}, image, "h").session_timeout == 45s);
}

TEST_CASE("settings made under wider bounds are brought within those that hold now", "[group]") {
  controller::MetadataImage image;
  image.set_group_config("g", kSession, "1000000");
  image.set_group_config("g", kHeartbeat, "1");
  image.set_group_config("h", kSession, "nonsense");
  CHECK(group::consumer_options({}, image, "g").session_timeout == 60s);
  CHECK(group::consumer_options({}, image, "g").heartbeat_interval == 5s);
  CHECK(group::consumer_options({}, image, "h").session_timeout == 45s);
}

TEST_CASE("an interval that would outlast the session gives way to the broker's defaults", "[group]") {
  config::GroupSettings settings;
  settings.consumer_session_timeout = settings.consumer_session_timeout_min = 6s;
  controller::MetadataImage image;
  image.set_group_config("g", kSession, "7000");
  image.set_group_config("g", kHeartbeat, "15000");
  const auto options = group::consumer_options(settings, image, "g");
  CHECK(options.session_timeout == 6s);
  CHECK(options.heartbeat_interval == 5s);
}

}  // namespace

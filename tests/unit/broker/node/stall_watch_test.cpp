#include "broker/node/stall_watch.hpp"

#include <catch2/catch.hpp>

namespace sluice::broker::node {
namespace {

using namespace std::chrono_literals;

}  // namespace

TEST_CASE("work that does not end in its time is a stall, until it ends", "[node]") {
  std::optional<StallWatch::Instant> syncing;
  std::optional<StallWatch::Instant> publishing;
  StallWatch watch;
  watch.watch(9s, "syncing", [&] { return syncing; });
  watch.watch(36s, "publishing", [&] { return publishing; });
  StallWatch::Instant now{100s};
  CHECK_FALSE(watch.look(now));
  syncing = publishing = now;
  CHECK_FALSE(watch.look(now + 9s));
  CHECK(watch.look(now + 10s));
  syncing = now + 10s;  // another one, which has just begun
  CHECK_FALSE(watch.look(now + 11s));
  CHECK(watch.look(now + 37s));
  syncing = publishing = std::nullopt;
  CHECK_FALSE(watch.look(now + 50s));
}

}  // namespace sluice::broker::node

#include <catch2/catch.hpp>
#include <chrono>

#include "protocol/messages/incremental_alter_configs.hpp"
#include "tests/integration/records.hpp"
#include "tests/support/eventually.hpp"

namespace sluice {
namespace {

using test::number;
using test::produce;
using test::TestBroker;

const test::Settings kOften{"log.retention.check.interval.ms=20"};

Timestamp wall_clock() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return Timestamp{std::chrono::duration_cast<std::chrono::milliseconds>(now).count()};
}

/// Ten records of a KiB, all of one time.
void fill(client::WireConnection& connection, Timestamp timestamp) {
  const std::vector<test::TestRecord> one{{"k", std::string(1000, 'v'), timestamp}};
  for (int i = 0; i < 10; ++i) REQUIRE(number(produce(connection, "t", test::batch_from(one)).error_code) == 0);
}

void set(client::WireConnection& connection, const std::string& name, const std::string& value) {
  constexpr std::int8_t kTopic = 2;
  protocol::IncrementalAlterConfigsRequest request;
  auto& resource = request.resources.emplace_back();
  resource.resource_type = kTopic;
  resource.resource_name = std::string{"t"};
  auto& config = resource.configs.emplace_back();
  config.name = name;
  config.value.emplace(value);
  const auto answer = test::ask<protocol::IncrementalAlterConfigs>(connection, request);
  REQUIRE(number(answer.responses.at(0).error_code) == 0);
}

Offset earliest(client::WireConnection& connection) { return test::list_offset(connection, "t", -2); }

}  // namespace

TEST_CASE("the oldest segments go beyond retention.bytes, which may change while the broker runs", "[retention]") {
  TestBroker broker{kOften};
  broker.create_topic("t", {{"segment.bytes", "4096"}, {"retention.ms", "-1"}});
  auto connection = broker.connect();
  fill(connection, wall_clock());
  CHECK(earliest(connection) == Offset{0});
  set(connection, "retention.bytes", "4000");
  CHECK(test::eventually([&] { return earliest(connection) == Offset{6}; }));  // three records a segment
  CHECK(test::list_offset(connection, "t", -1) == Offset{10});
  const auto begins = earliest(connection);
  CHECK(test::fetch(connection, "t", begins - 1).error == 1);
  CHECK_FALSE(test::fetch(connection, "t", begins).records.empty());
  broker.restart();
  auto again = broker.connect();
  CHECK(earliest(again) >= begins);
}

TEST_CASE("records older than retention.ms go, by their own timestamps, the active segment's too", "[retention]") {
  TestBroker broker{kOften};
  broker.create_topic("t", {{"segment.bytes", "4096"}, {"retention.ms", "-1"}});
  auto connection = broker.connect();
  fill(connection, wall_clock() - 3'600'000);
  fill(connection, wall_clock());
  set(connection, "retention.ms", "1800000");
  CHECK(test::eventually([&] { return earliest(connection) >= Offset{8}; }));  // the last may share a segment
  CHECK(earliest(connection) <= Offset{10});
  set(connection, "retention.ms", "1");
  CHECK(test::eventually([&] { return earliest(connection) == Offset{20}; }));
  fill(connection, wall_clock() + 1'000'000);
  CHECK(test::list_offset(connection, "t", -1) == Offset{30});
  CHECK(earliest(connection) == Offset{20});
}

TEST_CASE("a topic that is only compacted keeps what is old", "[retention]") {
  TestBroker broker{kOften};
  broker.create_topic("t", {{"segment.bytes", "4096"}, {"cleanup.policy", "compact"}, {"retention.ms", "1"}});
  auto connection = broker.connect();
  fill(connection, wall_clock() - 3'600'000);
  CHECK_FALSE(test::eventually([&] { return earliest(connection) > Offset{0}; }, std::chrono::milliseconds{300}));
}

}  // namespace sluice

#include "broker/replication/flush_schedule.hpp"

#include <catch2/catch.hpp>
#include <chrono>
#include <random>
#include <string>

namespace sluice::broker::replication {
namespace {

using namespace std::chrono_literals;
using Schedule = FlushSchedule<std::string>;
constexpr Schedule::Instant kStart{};

}  // namespace

TEST_CASE("an empty flush schedule has nothing due", "[flush_schedule]") {
  Schedule schedule;
  CHECK_FALSE(schedule.next_due().has_value());
  CHECK_FALSE(schedule.take_due(kStart + 1h).has_value());
}

TEST_CASE("logs are flushed in the order in which they are due, and none before", "[flush_schedule]") {
  Schedule schedule;
  schedule.add(kStart + 30ms, "c");
  schedule.add(kStart + 10ms, "a");
  schedule.add(kStart + 20ms, "b");
  CHECK(schedule.next_due() == kStart + 10ms);
  CHECK_FALSE(schedule.take_due(kStart + 9ms).has_value());
  CHECK(schedule.take_due(kStart + 20ms) == "a");
  CHECK(schedule.take_due(kStart + 20ms) == "b");
  CHECK_FALSE(schedule.take_due(kStart + 20ms).has_value());
  CHECK(schedule.take_due(kStart + 30ms) == "c");
  CHECK(schedule.size() == 0);
}

TEST_CASE("only a log that is due before all others wakes the one who sleeps", "[flush_schedule]") {
  Schedule schedule;
  CHECK(schedule.add(kStart + 20ms, "first"));
  CHECK_FALSE(schedule.add(kStart + 30ms, "later"));
  CHECK_FALSE(schedule.add(kStart + 20ms, "as early"));
  CHECK(schedule.add(kStart + 10ms, "earlier"));
}

TEST_CASE("whatever is added comes out once and in order", "[flush_schedule]") {
  FlushSchedule<int> schedule;
  std::minstd_rand random{7};
  for (int i = 0; i < 1000; ++i) schedule.add(kStart + std::chrono::milliseconds{random() % 100}, i);
  std::vector<bool> seen(1000);
  auto last = kStart;
  while (const auto due = schedule.next_due()) {
    REQUIRE(*due >= last);
    last = *due;
    const auto log = schedule.take_due(last);
    REQUIRE(log.has_value());
    REQUIRE_FALSE(seen.at(static_cast<std::size_t>(*log)));
    seen[static_cast<std::size_t>(*log)] = true;
  }
  CHECK(std::find(seen.begin(), seen.end(), false) == seen.end());
}

}  // namespace sluice::broker::replication

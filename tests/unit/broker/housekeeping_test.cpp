#include "broker/housekeeping.hpp"

#include <atomic>
#include <catch2/catch.hpp>

#include "tests/support/eventually.hpp"

namespace sluice::broker {

using namespace std::chrono_literals;

TEST_CASE("jobs run again and again, each at its own interval", "[housekeeping]") {
  std::atomic<int> often{0};
  std::atomic<int> rarely{0};
  Housekeeping housekeeping;
  housekeeping.every(1ms, [&] { ++often; });
  housekeeping.every(1h, [&] { ++rarely; });
  housekeeping.start();
  CHECK(test::eventually([&] { return often >= 3; }));
  CHECK(rarely == 0);
  housekeeping.stop();
  const int ran = often;
  std::this_thread::sleep_for(5ms);
  CHECK(often == ran);
}

TEST_CASE("stopping waits for the job that runs", "[housekeeping]") {
  std::atomic<bool> begun{false};
  std::atomic<bool> ended{false};
  Housekeeping housekeeping;
  housekeeping.every(1ms, [&] {
    begun = true;
    std::this_thread::sleep_for(20ms);
    ended = true;
  });
  housekeeping.start();
  REQUIRE(test::eventually([&] { return begun.load(); }));
  housekeeping.stop();
  CHECK(ended);
  housekeeping.stop();
}

TEST_CASE("housekeeping with nothing to do needs no thread and stops at once", "[housekeeping]") {
  Housekeeping housekeeping;
  housekeeping.start();
  housekeeping.stop();
}

}  // namespace sluice::broker

#include "broker/metrics/counter.hpp"

#include <catch2/catch.hpp>
#include <thread>
#include <vector>

#include "broker/metrics/gauge.hpp"

namespace sluice::broker::metrics {

TEST_CASE("a counter loses no addition of any thread, more threads than shards", "[metrics]") {
  Counter counter;
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < kShards + 4; ++i) {
    threads.emplace_back([&counter] {
      for (int n = 0; n < 10'000; ++n) counter.add();
      counter.add(5);
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(counter.value() == (kShards + 4) * 10'005);
}

TEST_CASE("a gauge may be raised on one thread and lowered on another", "[metrics]") {
  Gauge gauge;
  std::thread([&gauge] { gauge.add(7); }).join();
  std::thread([&gauge] { gauge.subtract(5); }).join();
  CHECK(gauge.value() == 2);
  gauge.subtract(2);
  CHECK(gauge.value() == 0);
}

TEST_CASE("a pulled gauge asks its source each time, and has no value without one", "[metrics]") {
  PulledGauge gauge;
  CHECK_FALSE(gauge.value());
  int asked = 0;
  gauge.pull_from([&asked] { return static_cast<double>(++asked); });
  CHECK(gauge.value() == 1.0);
  CHECK(gauge.value() == 2.0);
  gauge.pull_from(nullptr);
  CHECK_FALSE(gauge.value());
}

TEST_CASE("shards lie on cache lines of their own", "[metrics]") {
  STATIC_REQUIRE(sizeof(Counter) == kShards * kCacheLineBytes);
  STATIC_REQUIRE(alignof(Counter) == kCacheLineBytes);
}

}  // namespace sluice::broker::metrics

#include "broker/metrics/histogram.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <thread>
#include <vector>

namespace sluice::broker::metrics {

using namespace std::chrono_literals;

TEST_CASE("latency buckets rise from 50 µs to 10 s", "[metrics]") {
  CHECK(kLatencyBounds.front() == 50us);
  CHECK(kLatencyBounds.back() == 10s);
  CHECK(std::is_sorted(kLatencyBounds.begin(), kLatencyBounds.end()));
}

TEST_CASE("a duration falls into the first bucket whose bound is not below it", "[metrics]") {
  Histogram histogram;
  SECTION("the bound itself is inside") {
    histogram.observe(50us);
    CHECK(histogram.snapshot().counts[0] == 1);
  }
  SECTION("a nanosecond more is not") {
    histogram.observe(50us + 1ns);
    CHECK(histogram.snapshot().counts[1] == 1);
  }
  SECTION("what is longer than every bound goes to the last") {
    histogram.observe(11s);
    CHECK(histogram.snapshot().counts.back() == 1);
  }
  SECTION("a clock that stepped back counts as zero") {
    histogram.observe(-1s);
    CHECK(histogram.snapshot().counts[0] == 1);
    CHECK(histogram.snapshot().sum == 0ns);
  }
  CHECK(histogram.snapshot().count() == 1);
}

TEST_CASE("count and sum are those of all threads", "[metrics]") {
  Histogram histogram;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&histogram] {
      for (int n = 0; n < 1000; ++n) histogram.observe(1ms);
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(histogram.snapshot().count() == 4000);
  CHECK(histogram.snapshot().sum == 4s);
}

}  // namespace sluice::broker::metrics

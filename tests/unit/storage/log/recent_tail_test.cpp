#include "storage/log/recent_tail.hpp"

#include <catch2/catch.hpp>

namespace sluice::storage {
namespace {

using namespace std::chrono_literals;
constexpr Timestamp kStart{1'700'000'000'000};
constexpr auto kStep = RecentTail::kStepTime.count();

}  // namespace

TEST_CASE("nothing is recent before the first append", "[log]") {
  const RecentTail tail;
  CHECK_FALSE(tail.holds(Offset{0}, kStart));
}

TEST_CASE("what was just appended is recent, what was there before is not", "[log]") {
  RecentTail tail;
  tail.on_append(Offset{100}, 1000, kStart);
  CHECK(tail.holds(Offset{100}, kStart));
  CHECK(tail.holds(Offset{150}, kStart));
  CHECK_FALSE(tail.holds(Offset{99}, kStart));
}

TEST_CASE("a log that gets no more appends has no recent tail after a while", "[log]") {
  RecentTail tail;
  tail.on_append(Offset{100}, 1000, kStart);
  CHECK(tail.holds(Offset{100}, kStart + kStep));
  CHECK_FALSE(tail.holds(Offset{100}, kStart + kStep + 1));

  SECTION("and the next append begins a new one") {
    tail.on_append(Offset{110}, 1000, kStart + 10 * kStep);
    CHECK_FALSE(tail.holds(Offset{109}, kStart + 10 * kStep));
    CHECK(tail.holds(Offset{110}, kStart + 10 * kStep));
  }
}

TEST_CASE("the recent tail is at most two steps of bytes", "[log]") {
  RecentTail tail;
  const auto batch = RecentTail::kStepBytes / 4;
  for (std::int64_t i = 0; i < 100; ++i) tail.on_append(Offset{i}, batch, kStart);
  CHECK(tail.holds(Offset{96}, kStart));
  CHECK_FALSE(tail.holds(Offset{91}, kStart));
}

TEST_CASE("the recent tail of a slow log is at most two steps of time", "[log]") {
  RecentTail tail;
  for (std::int64_t i = 0; i < 100; ++i) tail.on_append(Offset{i}, 10, kStart + i * kStep / 2);
  const auto now = kStart + 99 * kStep / 2;
  CHECK(tail.holds(Offset{98}, now));
  CHECK_FALSE(tail.holds(Offset{90}, now));
}

TEST_CASE("a truncation below the recent tail begins it anew", "[log]") {
  RecentTail tail;
  tail.on_append(Offset{100}, 1000, kStart);
  tail.on_append(Offset{20}, 1000, kStart + 1);
  CHECK(tail.holds(Offset{20}, kStart + 1));
  CHECK_FALSE(tail.holds(Offset{19}, kStart + 1));
}

TEST_CASE("a clock that steps back makes nothing recent", "[log]") {
  RecentTail tail;
  tail.on_append(Offset{100}, 1000, kStart);
  CHECK_FALSE(tail.holds(Offset{100}, kStart - 1));
}

}  // namespace sluice::storage

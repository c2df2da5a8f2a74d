#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "broker/metrics/shards.hpp"

namespace sluice::broker::metrics {

/// Upper bounds, inclusive, of the latency buckets: 50 µs to 10 s in steps of 1-2-5. All histograms share them, so that
/// they can be added up across APIs and brokers.
inline constexpr std::array<std::chrono::microseconds, 17> kLatencyBounds = [] {
  using std::chrono::microseconds;
  return std::array{microseconds{50},        microseconds{100},       microseconds{200},       microseconds{500},
                    microseconds{1'000},     microseconds{2'000},     microseconds{5'000},     microseconds{10'000},
                    microseconds{20'000},    microseconds{50'000},    microseconds{100'000},   microseconds{200'000},
                    microseconds{500'000},   microseconds{1'000'000}, microseconds{2'000'000}, microseconds{5'000'000},
                    microseconds{10'000'000}};
}();

/// The distribution of a duration. Any thread observes, with two relaxed additions to cache lines of its own.
class Histogram {
 public:
  static constexpr std::size_t kBuckets = kLatencyBounds.size() + 1;  ///< the last has no upper bound

  struct Snapshot {
    std::array<std::uint64_t, kBuckets> counts{};  ///< of each bucket alone, not cumulative
    std::chrono::nanoseconds sum{};

    std::uint64_t count() const noexcept;
  };

  /// A negative duration (a clock that stepped back) counts as zero.
  void observe(std::chrono::nanoseconds duration) noexcept;
  Snapshot snapshot() const noexcept;

 private:
  struct Cells {
    std::array<std::atomic<std::uint64_t>, kBuckets> counts{};
    std::atomic<std::uint64_t> sum_ns{0};
  };
  Sharded<Cells> cells_;
};

}  // namespace sluice::broker::metrics

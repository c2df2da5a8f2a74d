#include "broker/metrics/histogram.hpp"

#include <algorithm>
#include <numeric>

namespace sluice::broker::metrics {

std::uint64_t Histogram::Snapshot::count() const noexcept {
  return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

void Histogram::observe(std::chrono::nanoseconds duration) noexcept {
  duration = std::max(duration, std::chrono::nanoseconds::zero());
  const auto bucket = std::lower_bound(kLatencyBounds.begin(), kLatencyBounds.end(), duration) - kLatencyBounds.begin();
  auto& cells = cells_.mine();
  cells.counts[static_cast<std::size_t>(bucket)].fetch_add(1, std::memory_order_relaxed);
  cells.sum_ns.fetch_add(static_cast<std::uint64_t>(duration.count()), std::memory_order_relaxed);
}

Histogram::Snapshot Histogram::snapshot() const noexcept {
  Snapshot result;
  for (std::size_t bucket = 0; bucket < kBuckets; ++bucket) {
    result.counts[bucket] = cells_.sum<std::uint64_t>(
        [bucket](const Cells& cells) { return cells.counts[bucket].load(std::memory_order_relaxed); });
  }
  result.sum = std::chrono::nanoseconds{
      cells_.sum<std::uint64_t>([](const Cells& cells) { return cells.sum_ns.load(std::memory_order_relaxed); })};
  return result;
}

}  // namespace sluice::broker::metrics

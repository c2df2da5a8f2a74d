#pragma once

#include <atomic>
#include <cstdint>

#include "broker/metrics/shards.hpp"

namespace sluice::broker::metrics {

/// How often something has happened since the start. Any thread adds, with one relaxed increment of its own cache line.
class Counter {
 public:
  void add(std::uint64_t count = 1) noexcept { cells_.mine().fetch_add(count, std::memory_order_relaxed); }

  std::uint64_t value() const noexcept {
    return cells_.sum<std::uint64_t>([](const auto& cell) { return cell.load(std::memory_order_relaxed); });
  }

 private:
  Sharded<std::atomic<std::uint64_t>> cells_;
};

}  // namespace sluice::broker::metrics

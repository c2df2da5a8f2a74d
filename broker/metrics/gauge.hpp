#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>

#include "broker/metrics/shards.hpp"

namespace sluice::broker::metrics {

/// How much of something there is now, kept by those that add and remove it; not necessarily on the same thread, so a
/// single shard may be negative while the sum is not.
class Gauge {
 public:
  void add(std::int64_t amount = 1) noexcept { cells_.mine().fetch_add(amount, std::memory_order_relaxed); }
  void subtract(std::int64_t amount = 1) noexcept { add(-amount); }

  std::int64_t value() const noexcept {
    return cells_.sum<std::int64_t>([](const auto& cell) { return cell.load(std::memory_order_relaxed); });
  }

 private:
  Sharded<std::atomic<std::int64_t>> cells_;
};

/// How much of something there is now, asked of its owner at every scrape because keeping it current would cost more.
class PulledGauge {
 public:
  /// `source` is called on the scraping thread. Pass an empty function before what it reads goes away: this waits for
  /// a scrape in progress.
  void pull_from(std::function<double()> source) {
    const std::lock_guard lock(mutex_);
    source_ = std::move(source);
  }

  /// Nothing while there is no source.
  std::optional<double> value() const {
    const std::lock_guard lock(mutex_);
    if (!source_) return std::nullopt;
    return source_();
  }

 private:
  mutable std::mutex mutex_;
  std::function<double()> source_;
};

}  // namespace sluice::broker::metrics

#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>

namespace sluice::broker::replication {

/// Spreads the bytes that some threads read and write over time. Threading: any.
class IoBudget {
 public:
  explicit IoBudget(std::optional<double> bytes_per_second) : bytes_per_second_(bytes_per_second) {}

  /// Waits until `bytes` fit. False: stopped meanwhile, or before.
  bool spend(std::uint64_t bytes) {
    std::unique_lock lock{mutex_};
    if (stopped_ || !bytes_per_second_) return !stopped_;
    const std::chrono::duration<double> cost{static_cast<double>(bytes) / *bytes_per_second_};
    free_at_ = std::max(free_at_, Clock::now()) + std::chrono::duration_cast<Clock::duration>(cost);
    const auto until = free_at_;
    wake_.wait_until(lock, until, [&] { return stopped_ || free_at_ < until; });
    return !stopped_;
  }

  /// From the next bytes on.
  void set_rate(std::optional<double> bytes_per_second) {
    const std::lock_guard lock{mutex_};
    bytes_per_second_ = bytes_per_second;
    free_at_ = std::min(free_at_, Clock::now());
    wake_.notify_all();
  }

  void stop() {
    {
      const std::lock_guard lock{mutex_};
      stopped_ = true;
    }
    wake_.notify_all();
  }

 private:
  using Clock = std::chrono::steady_clock;

  std::mutex mutex_;  // of all below
  std::optional<double> bytes_per_second_;
  std::condition_variable wake_;
  Clock::time_point free_at_{};
  bool stopped_ = false;
};

}  // namespace sluice::broker::replication

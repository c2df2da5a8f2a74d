#pragma once

#include <atomic>
#include <cstddef>
#include <deque>
#include <mutex>

#include "protocol/base/task.hpp"

namespace sluice::broker {

/// The server-wide budget of bytes for requests that are being received or handled. A connection asks before it
/// allocates room for a large frame, and stops reading until it is granted: memory stays bounded however many
/// connections announce how much.
class RequestMemory {
 public:
  explicit RequestMemory(std::size_t budget) noexcept
      : budget_(budget), available_(static_cast<std::ptrdiff_t>(budget)) {}

  /// Takes `size` bytes, or queues `retry`, to be run (on the thread that released memory) when it is worth another
  /// try. A request larger than the whole budget is granted when nothing else is out, lest it wait forever.
  bool acquire(std::size_t size, Task retry);
  void release(std::size_t size);
  void forget_waiting();  ///< drops every `retry` that is queued

  /// Whether anybody was refused and waits.
  bool contended() const noexcept { return anyone_waiting_.load(std::memory_order_relaxed); }
  std::size_t in_use() const noexcept {
    return static_cast<std::size_t>(static_cast<std::ptrdiff_t>(budget_) - available_.load(std::memory_order_relaxed));
  }

 private:
  bool take(std::size_t size) noexcept;

  const std::size_t budget_;
  std::atomic<std::ptrdiff_t> available_;  // below zero only while one request is larger than the budget
  std::mutex mutex_;
  std::deque<Task> waiting_;
  std::atomic<bool> anyone_waiting_{false};
};

}  // namespace sluice::broker

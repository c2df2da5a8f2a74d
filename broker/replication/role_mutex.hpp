#pragma once

#include <atomic>
#include <mutex>
#include <shared_mutex>

namespace sluice::broker::replication {

/// A shared mutex whose exclusive owner is not kept waiting by shared ones that come after it: std::shared_mutex lets
/// readers past, and a busy partition always has one. Shared locks don't nest: the inner one would wait for ever.
class RoleMutex {
 public:
  void lock() {
    turnstile_.lock();
    is_closed_.store(true, std::memory_order_seq_cst);
    mutex_.lock();
  }
  void unlock() {
    mutex_.unlock();
    is_closed_.store(false, std::memory_order_release);
    turnstile_.unlock();
  }
  void lock_shared() {
    if (is_closed_.load(std::memory_order_acquire)) const std::lock_guard wait{turnstile_};
    mutex_.lock_shared();
  }
  void unlock_shared() { mutex_.unlock_shared(); }

 private:
  std::shared_mutex mutex_;
  std::mutex turnstile_;  // held by the exclusive owner, from the moment it waits
  std::atomic<bool> is_closed_{false};
};

}  // namespace sluice::broker::replication

#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "storage/wal/wal.hpp"

namespace sluice::storage::wal {

/// Calls Wal::reclaim() now and then until it is destroyed, for programs that have no thread of their own to do so. The
/// library itself never starts one.
class ReclaimThread {
 public:
  /// `on_error` is called by the thread when reclaiming fails; it goes on trying. `wal` outlives this.
  ReclaimThread(Wal& wal, std::chrono::milliseconds interval, std::function<void(std::error_code)> on_error = {});
  ~ReclaimThread();
  ReclaimThread(const ReclaimThread&) = delete;
  ReclaimThread& operator=(const ReclaimThread&) = delete;

  /// Does it soon instead of after the interval.
  void wake();

 private:
  void run();

  Wal& wal_;
  const std::chrono::milliseconds interval_;
  const std::function<void(std::error_code)> on_error_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool awake_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace sluice::storage::wal

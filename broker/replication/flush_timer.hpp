#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "broker/replication/flush_schedule.hpp"

namespace sluice::broker::replication {

class Partition;

/// Tells of each partition when its data has to go to the disk: the clock and the thread of a FlushSchedule. The thread
/// starts with the first partition that is added, and sleeps until the earliest is due.
class FlushTimer {
 public:
  using Instant = std::chrono::steady_clock::time_point;
  /// On the timer's thread; must not wait.
  using Due = std::function<void(const std::shared_ptr<Partition>&)>;

  explicit FlushTimer(Due due) : due_(std::move(due)) {}
  ~FlushTimer() { stop(); }
  FlushTimer(const FlushTimer&) = delete;
  FlushTimer& operator=(const FlushTimer&) = delete;

  /// A partition that is gone by then is forgotten. From any thread; after `stop` nothing comes of it.
  void add(const std::shared_ptr<Partition>& partition, Instant due);
  void stop();  ///< what is not due yet never will be; idempotent

 private:
  void run();

  const Due due_;
  std::mutex mutex_;  // of all below
  std::condition_variable wake_;
  FlushSchedule<std::weak_ptr<Partition>> schedule_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace sluice::broker::replication

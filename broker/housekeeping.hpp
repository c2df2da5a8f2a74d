#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "protocol/base/task.hpp"

namespace sluice::broker {

/// Jobs that are due again and again, on one thread of its own, which sleeps in between.
class Housekeeping {
 public:
  Housekeeping() = default;
  ~Housekeeping() { stop(); }
  Housekeeping(const Housekeeping&) = delete;
  Housekeeping& operator=(const Housekeeping&) = delete;

  /// Before `start`.
  void every(std::chrono::milliseconds interval, Task job);
  void start();
  void stop();  ///< waits for the job that is running; idempotent

 private:
  using Clock = std::chrono::steady_clock;
  struct Job {
    std::chrono::milliseconds interval;
    Clock::time_point due;
    Task work;
  };

  void run();

  std::vector<Job> jobs_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace sluice::broker

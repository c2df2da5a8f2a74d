#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <system_error>
#include <thread>

#include "broker/raft/raft_store_driver.hpp"

namespace sluice::broker::raft {

/// Writes what Readies hold, on a thread of its own. Those that wait while it writes are written together, and share a
/// sync.
///
/// Threading: any. After an error it writes nothing more.
class DiskThread {
 public:
  struct Job {
    std::uint64_t number = 0;  ///< of the Ready; ascending
    RaftStore::Work work{};
  };
  struct Report {
    std::uint64_t number = 0;  ///< of the last Ready that is durable
    std::error_code error{};   ///< then it is not, and nothing after it will be
    bool is_snapshot_damaged = false;
    std::optional<SnapshotMeta> installed{};
    std::string state{};  ///< of what was installed
  };

  DiskThread(RaftStore& store, std::function<Timestamp()> wall_clock, std::function<void(Report)> on_report);
  ~DiskThread() { stop(); }
  DiskThread(const DiskThread&) = delete;
  DiskThread& operator=(const DiskThread&) = delete;

  void submit(Job job);
  /// Runs `task` between two jobs. Not at all once stopped, or after an error.
  void run(std::function<void()> task);
  /// What is being written is finished, what waits is dropped. Idempotent.
  void stop();

 private:
  void loop();
  void write(Job group);

  RaftStore& store_;
  const std::function<Timestamp()> wall_clock_;
  const std::function<void(Report)> on_report_;
  bool has_failed_ = false;  // the thread's

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> jobs_;
  std::deque<std::function<void()>> tasks_;
  bool is_stopping_ = false;
  std::thread thread_;  // the last member: it uses the others
};

}  // namespace sluice::broker::raft

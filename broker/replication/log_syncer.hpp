#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "broker/replication/flush_timer.hpp"
#include "broker/replication/sync_queue.hpp"

namespace sluice::broker::metrics {
struct BrokerMetrics;
}

namespace sluice::broker::replication {

class Partition;

/// Group commit: makes appended records durable, one sync for everything that was appended to a partition since its
/// last. A partition is synced by one thread at a time; while that runs, new appends only mark that another is wanted.
///
/// Partitions of one data directory are synced beside each other, by up to `threads_per_directory` threads: syncs that
/// meet share the file system's journal commit and the device's flush, which is what a sync waits for. The more there
/// are, the less each costs, as long as each has a thread to wait in; so threads are started when partitions wait for
/// one. A directory whose disk hangs holds up its own partitions only. Partitions whose acknowledgements wait for the
/// sync go first; those that are only flushed now and then (flush.messages, flush.ms) have a quarter of the threads.
///
/// Why not one `syncfs` for all that wait: it waits for every dirty page of the file system, whoever wrote it, and
/// reports any failed page of it without saying whose, so that another process's lost page would take all logs
/// offline. ARCHITECTURE.md has the figures.
class LogSyncer final : public SyncQueue {
 public:
  LogSyncer(unsigned threads_per_directory, metrics::BrokerMetrics& metrics);
  ~LogSyncer() override;  ///< as `stop`
  LogSyncer(const LogSyncer&) = delete;
  LogSyncer& operator=(const LogSyncer&) = delete;

  /// Everything appended before the call will be synced, and Partition::sync_now tells when. Cheap; from any thread.
  void request(const std::shared_ptr<Partition>& partition) override;
  /// Calls Partition::flush_due once `due` has come, on a thread of its own.
  void request_by(const std::shared_ptr<Partition>& partition, Instant due) override;
  void stop();  ///< finishes what was requested before; idempotent

  /// When the sync began that has been under way for the longest; nullopt: none is.
  std::optional<Instant> oldest_sync() const;

 private:
  struct Wanted {
    std::shared_ptr<Partition> partition;
    bool is_awaited = true;  // by acknowledgements
  };
  /// The partitions of one data directory that wait, and the threads that sync them.
  struct Lane {
    std::string directory;
    std::deque<std::shared_ptr<Partition>> awaited;
    std::deque<std::shared_ptr<Partition>> flushed;
    std::size_t flushes = 0;  // of `flushed`, under way
    std::condition_variable wake;
    std::size_t idle = 0;  // threads that wait; one that was notified counts until it runs
    std::vector<std::thread> threads;
  };

  void push(const std::shared_ptr<Partition>& partition);
  Lane& lane_of(std::string_view directory);
  void add_thread(Lane& lane);
  std::size_t flushes_to_start(const Lane& lane) const noexcept;
  bool has_work(const Lane& lane) const noexcept { return !lane.awaited.empty() || flushes_to_start(lane) > 0; }
  Wanted take(Lane& lane);
  void run(Lane& lane);
  bool sync(Partition& partition);  // true when another is wanted

  const std::size_t threads_per_directory_;
  const std::size_t flushes_max_;  // at once, in one directory
  metrics::BrokerMetrics& metrics_;
  FlushTimer timer_;
  mutable std::mutex mutex_;                  // of all below
  std::vector<Instant> under_way_;            // beginnings of syncs
  std::vector<std::unique_ptr<Lane>> lanes_;  // few: one a data directory
  bool stopping_ = false;
};

}  // namespace sluice::broker::replication

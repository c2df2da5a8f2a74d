#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "broker/config/cleaner_settings.hpp"
#include "broker/replication/io_budget.hpp"
#include "broker/replication/partition.hpp"
#include "protocol/base/topic_partition.hpp"
#include "protocol/base/uuid.hpp"
#include "storage/compaction/cleanable.hpp"
#include "storage/compaction/cleaner.hpp"

namespace sluice::broker::metrics {
struct BrokerMetrics;
}

namespace sluice::broker::replication {

class PartitionTable;

/// Compacts the logs of the topics that ask for it, the overdue and the dirtiest first, and notes how far each is clean
/// in the `cleaner-offset-checkpoint` of its data directory.
///
/// A log with a damaged batch is told of and left alone until the next start; after another error (a full disk) it is
/// tried again after a while. Looks at compacted topics only, once in `backoff` where nothing is to be done.
/// Threading: as many threads of its own as the settings say at the time; a log is cleaned by one at a time.
class LogCleaner {
 public:
  LogCleaner(const config::CleanerSettings& settings, PartitionTable& partitions, metrics::BrokerMetrics& metrics);
  ~LogCleaner();  ///< as `stop`
  LogCleaner(const LogCleaner&) = delete;
  LogCleaner& operator=(const LogCleaner&) = delete;

  void start();
  void stop();  ///< ends passes halfway; idempotent
  /// Goes by `settings` from the next pass on, but for `enable`; a thread too many ends after its pass. One thread at a
  /// time; also before it is started.
  void reconfigure(const config::CleanerSettings& settings);

 private:
  using Clock = std::chrono::steady_clock;
  struct Known {
    Uuid topic_id;
    std::optional<Offset> clean_until;  // nothing known: from the log start
    bool busy = false;
    bool damaged = false;
    std::optional<Clock::time_point> retry_at;
    // When it was not due: while this stays so, it still is not.
    Offset idle_end = kNoOffset;
    Offset idle_stable_end = kNoOffset;
    Partition::SettingsPtr idle_settings;
  };
  struct Job {
    std::shared_ptr<Partition> partition;
    storage::Cleanable found;
  };

  struct Worker {
    std::thread thread;
    bool has_ended = false;
  };

  void add_workers();
  void run(std::size_t number);
  std::optional<Job> next(std::size_t number);
  void look();
  Known& known(Partition& partition);
  void read_checkpoint(const std::string& directory);
  void write_checkpoint(const std::string& directory);
  void clean(storage::Cleaner& cleaner, const Job& job);
  void note_failure(const Partition& partition, Known& known, std::error_code error);
  void expose_metrics();

  const bool is_enabled_;
  PartitionTable& partitions_;
  metrics::BrokerMetrics& metrics_;
  IoBudget budget_;

  std::mutex mutex_;  // of all below
  config::CleanerSettings settings_;
  bool started_ = false;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::deque<Job> queue_;
  Clock::time_point look_at_{};
  std::set<std::string> directories_;      // whose checkpoints were read
  std::map<TopicPartition, Offset> read_;  // what they said, until the partition is met
  std::map<TopicPartition, Known> known_;
  std::map<TopicPartition, std::string> directory_of_;
  std::uint64_t backlog_bytes_ = 0;
  std::size_t backlog_partitions_ = 0;
  std::optional<double> last_ratio_;
  std::optional<Clock::time_point> last_end_;
  std::vector<std::unique_ptr<Worker>> workers_;  // by number; those from settings_.threads on end, or have ended
};

}  // namespace sluice::broker::replication

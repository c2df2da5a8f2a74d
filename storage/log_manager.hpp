#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "protocol/base/ids.hpp"
#include "protocol/base/result.hpp"
#include "protocol/base/topic_partition.hpp"
#include "protocol/base/uuid.hpp"
#include "storage/fs/file_system.hpp"
#include "storage/log/log.hpp"

namespace sluice::storage {

/// Who a data directory belongs to (`meta.properties`). Checked before anything in it is used: a wrong disk is refused.
struct DirectoryOwner {
  std::string cluster_id;  ///< empty: take the directory's, or a new one where all are empty
  BrokerId node_id;
};

/// All logs of a process: the data directories, their locks, owners and checkpoints, and one Log a partition.
///
/// Data is never deleted because metadata is missing: a partition directory that nobody claims stays where it is.
/// Threading: every method may be called from any thread; opening and removing logs does blocking I/O.
class LogManager {
 public:
  /// What was found about one partition when the directories were opened.
  struct Recovered {
    TopicPartition partition;
    std::string directory;
    RecoveryReport report;
    std::error_code error;  ///< set: the log could not be opened; it is left alone and not served
  };
  /// Settings of a partition's log, asked for when it is opened; nullopt: nobody claims it, leave its directory alone.
  using OptionsFor = std::function<std::optional<LogOptions>(const TopicPartition&)>;
  /// Runs every job, some at a time, and returns when all are done.
  using RunAll = std::function<void(std::vector<std::function<void()>>)>;

  struct Space {
    std::string directory;
    Uuid directory_id;
    FileSystem::Space space;
    bool offline;
  };

  /// Locks the directories (making those that do not exist), checks or writes their meta.properties, and reads the
  /// checkpoints. No log is opened yet. Errors: wrong_directory, directory_locked, or of the system.
  static Result<std::unique_ptr<LogManager>> open(FileSystem& fs, std::vector<std::string> directories,
                                                  DirectoryOwner owner);
  ~LogManager();
  LogManager(const LogManager&) = delete;
  LogManager& operator=(const LogManager&) = delete;

  const std::string& cluster_id() const noexcept;
  Uuid directory_id(std::size_t index = 0) const;
  bool clean_shutdown_found() const noexcept;  ///< in every directory

  /// Opens the log of every partition directory that `options_for` claims, in parallel by `run_all`; scans only what
  /// lies past the recovery points of directories without a clean-shutdown marker. The markers are removed first.
  ///
  /// Errors: a directory or a checkpoint that can't be read. Going on without would trust damaged logs, or begin anew
  /// beside records that are there.
  Result<std::vector<Recovered>> load_all(const OptionsFor& options_for, Timestamp now, const RunAll& run_all);

  /// Null when there is none.
  std::shared_ptr<Log> find(const TopicPartition& partition) const;
  /// Topic id noted in the partition's `partition.metadata`; zero when there is none.
  Uuid topic_id(const TopicPartition& partition) const;
  /// A new, empty log in the directory with the fewest partitions; durable when it returns.
  Result<std::shared_ptr<Log>> create(const TopicPartition& partition, const Uuid& topic_id, const LogOptions& options,
                                      Timestamp now);
  /// Renames the partition's directory to `<topic>-<n>.<uuid>-delete` at once; `remove_retired` frees the space.
  Result<> remove(const TopicPartition& partition);
  /// Deletes what was renamed for deletion at least `delay` ago (all of it found at start).
  void remove_retired(Timestamp now, std::chrono::milliseconds delay);

  /// Writes recovery points (the logs' synced ends), log start offsets and the given high watermarks.
  Result<> checkpoint(const std::map<TopicPartition, Offset>& high_watermarks);
  /// High watermark checkpointed last; nullopt when there is none.
  std::optional<Offset> checkpointed_high_watermark(const TopicPartition& partition) const;

  /// Syncs and closes every log, checkpoints, and leaves the clean-shutdown markers (only where all of it went well).
  Result<> close(const std::map<TopicPartition, Offset>& high_watermarks, const RunAll& run_all);

  void for_each(const std::function<void(const TopicPartition&, const std::shared_ptr<Log>&,
                                         const std::string& directory)>& visit) const;
  std::vector<Space> spaces() const;

 private:
  struct State;
  struct Job {
    LogOptions options;
    LogOpening opening;
    std::size_t directory;
  };

  Result<> survey(std::size_t index, const OptionsFor& options_for, Timestamp now, std::vector<Recovered>& found,
                  std::vector<Job>& jobs);
  explicit LogManager(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace sluice::storage

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

struct KnownDirectory;
class LogMove;

/// Who a data directory belongs to (`meta.properties`). Checked before anything in it is used: a wrong disk is refused.
struct DirectoryOwner {
  std::string cluster_id;  ///< empty: take the directory's, or a new one where all are empty
  BrokerId node_id;
  /// With an empty cluster id: where all directories are empty there is none until `adopt_cluster_id`.
  bool may_be_unknown = false;
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
  /// Of a partition that is served; called with a lock of the manager held.
  using HighWatermarkOf = std::function<std::optional<Offset>(const TopicPartition&)>;
  /// Runs every job, some at a time, and returns when all are done.
  using RunAll = std::function<void(std::vector<std::function<void()>>)>;

  struct Space {
    std::string directory;
    Uuid directory_id;
    FileSystem::Space space;
    bool offline;
    bool full = false;           ///< no room for records
    std::error_code error = {};  ///< why it is offline
  };
  /// Whether a partition without a log is new, or has been there and may have left records in a directory that is away.
  enum class Novelty { fresh, known };

  /// Locks the directories (making those that do not exist) and checks or writes their meta.properties. A directory
  /// that can't be used is offline alone; `spaces` tells. No log is opened yet.
  ///
  /// Errors: wrong_directory; that of a directory where none can be used, or none of those that can knows the cluster.
  static Result<std::unique_ptr<LogManager>> open(FileSystem& fs, std::vector<std::string> directories,
                                                  DirectoryOwner owner);
  ~LogManager();
  LogManager(const LogManager&) = delete;
  LogManager& operator=(const LogManager&) = delete;

  std::string cluster_id() const;  ///< empty: not known yet
  /// The cluster's id has become known: durable in every directory that works, when it returns. Once known it can't
  /// change. Errors: wrong_directory, where it is another; that of a directory, where it could be noted in none.
  Result<> adopt_cluster_id(const std::string& cluster_id);
  Uuid directory_id(std::size_t index = 0) const;
  bool clean_shutdown_found() const noexcept;  ///< in every directory

  /// Opens the log of every partition directory that `options_for` claims, in parallel by `run_all`; scans only what
  /// lies past the recovery points of directories without a clean-shutdown marker. The markers are removed first. A
  /// directory that can't be read, or a checkpoint in it, goes offline. Of copies in several directories the one of
  /// the topic `topic_id_of` (where given) that was moved last is opened.
  ///
  /// Errors: that of a directory, where none is left.
  Result<std::vector<Recovered>> load_all(const OptionsFor& options_for, Timestamp now, const RunAll& run_all,
                                          const std::function<Uuid(const TopicPartition&)>& topic_id_of = {});

  /// Of load_all, for whoever waits for it.
  const RecoveryProgress& progress() const noexcept;
  /// Called once for each range of a log's file that turns out to be damaged, on whichever thread found it. Before logs
  /// are opened.
  void on_damage(std::function<void(const std::string& log_directory, const DamagedRange&)> listener);

  /// Null when there is none.
  std::shared_ptr<Log> find(const TopicPartition& partition) const;
  /// Topic id noted in the partition's `partition.metadata`; zero when there is none.
  Uuid topic_id(const TopicPartition& partition) const;
  /// A new, empty log, in the directory wished for or the emptiest; durable after the next `sync_created`. Errors:
  /// directory_offline for one that is known while `may_hold_more`; that of a log which is there and could not be
  /// opened.
  Result<std::shared_ptr<Log>> create(const TopicPartition& partition, const Uuid& topic_id, const LogOptions& options,
                                      Timestamp now, Novelty novelty = Novelty::fresh);
  /// Makes the logs that were created since the last call durable, however many, in a few waits; after a crash those
  /// too that were created before it and may not be.
  Result<> sync_created();
  /// Where a partition that is not there yet should go; remembered until it is made, or the process ends.
  Result<> wish(const TopicPartition& partition, const std::string& directory);
  /// A directory is offline, or one that was used before is not among them.
  bool may_hold_more() const noexcept;
  /// Directories that were used before and are not in use now.
  std::vector<std::string> missing_directories() const;
  /// No partition can be in them any more: they are not asked for again.
  void forget_missing_directories();
  /// Renames the partition's directory to `<topic>-<n>.<uuid>-delete` at once; `remove_retired` frees the space.
  Result<> remove(const TopicPartition& partition);
  /// Renames it to `<topic>-<n>.<uuid>-stray` instead, where it is kept: the partition of that name is another's now.
  Result<> set_aside(const TopicPartition& partition);
  /// Deletes what was renamed for deletion at least `delay` ago (all of it found at start).
  void remove_retired(Timestamp now, std::chrono::milliseconds delay);

  /// Writes recovery points (the logs' synced ends), log start offsets and the given high watermarks of those
  /// directories where any of it has changed.
  Result<> checkpoint(const HighWatermarkOf& high_watermark_of);
  /// Before a log is cut to `offset`: no recovery may begin past it, as what is missing there would be damage. Cheap
  /// unless it was written down so; the offset is to be that of the cut which follows.
  Result<> lower_recovery_point(const TopicPartition& partition, Offset offset);
  /// High watermark checkpointed last; nullopt when there is none.
  std::optional<Offset> checkpointed_high_watermark(const TopicPartition& partition) const;

  /// Syncs and closes every log, checkpoints, and leaves the clean-shutdown markers (only where all of it went well).
  Result<> close(const HighWatermarkOf& high_watermark_of, const RunAll& run_all);

  void for_each(const std::function<void(const TopicPartition&, const std::shared_ptr<Log>&,
                                         const std::string& directory)>& visit) const;
  std::vector<Space> spaces() const;

  /// Called once for a directory that fails from here on, on whatever thread found out, with whatever locks it holds:
  /// may only schedule work. Before logs are opened.
  void on_directory_failure(const std::function<void(const std::string& directory, std::error_code)>& listener);
  /// Asks each disk for its space: once a second. `reserve` is what records leave free; nullopt: a share of the disk.
  /// Returns whether the fullness of any has changed.
  bool look_at_space(std::optional<std::uint64_t> reserve);
  /// How many segments may have their files open at a time; the others open theirs when they are used.
  void limit_open_segments(std::size_t max);
  /// For files of others in the directories, so that their failures count.
  FileSystem& file_system() noexcept;
  /// Errors: ENOENT when it is not one of `log.dirs`; directory_offline.
  Result<std::size_t> find_directory(const std::string& path) const;
  /// Begins to move a partition's log to another of the directories; null when it is there already. One at a time for
  /// a partition. Errors: those of `find_directory`; ENOENT when there is no such log; EBUSY while it is moved.
  Result<std::shared_ptr<LogMove>> begin_move(const TopicPartition& partition, const std::string& directory);
  /// As LogMove::finish; afterwards the partition is in the new directory.
  Result<bool> finish_move(const TopicPartition& partition, Timestamp now);
  /// The copy is given up, if there is one and it has not taken its place.
  void cancel_move(const TopicPartition& partition);
  struct Moving {
    TopicPartition partition;
    std::string directory;  ///< where to
    std::shared_ptr<LogMove> move;
    std::shared_ptr<Log> log;
  };
  std::vector<Moving> moves() const;
  /// The data directory of a partition's log; empty when there is none.
  std::string directory_of(const TopicPartition& partition) const;

  /// Moves that did not end before the last stop, by partition and directory: to be begun again.
  std::vector<std::pair<TopicPartition, std::string>> take_interrupted_moves();

 private:
  struct State;
  struct Job {
    LogOptions options;
    LogOpening opening;
    std::size_t directory;
    bool may_be_unsynced;  ///< made shortly before a crash: no checkpoint names it
  };

  /// Copies that are not the partition: index of each, and of the copy that took its place, where that is known.
  using Superseded = std::map<std::size_t, std::optional<std::size_t>>;

  Result<> claim_directories(const DirectoryOwner& owner);
  void remember_directories();
  void write_known(const std::vector<KnownDirectory>& known);
  Result<> survey(std::size_t index, const OptionsFor& options_for, Timestamp now, std::vector<Recovered>& found,
                  std::vector<Job>& jobs);
  Result<> find_leftovers(std::size_t index);
  Superseded find_superseded(std::vector<Recovered>& found,
                             const std::function<Uuid(const TopicPartition&)>& topic_id_of);
  Result<> check_copy(const std::string& path);
  void open_log(Recovered& found, Job& job);
  void retire_copy(const Recovered& copy, std::size_t directory);
  std::vector<std::uint64_t> fingerprints(const HighWatermarkOf& high_watermark_of) const;
  Result<> note_in_checkpoints(const TopicPartition& partition, const Log& log, std::size_t directory);
  std::optional<std::size_t> emptiest_directory() const;
  Result<std::size_t> choose_directory(const TopicPartition& partition, const Uuid& topic_id);
  explicit LogManager(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace sluice::storage

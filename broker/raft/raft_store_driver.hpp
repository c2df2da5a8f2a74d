#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "broker/raft/entry_log_driver.hpp"
#include "broker/raft/raft_log.hpp"
#include "broker/raft/ready.hpp"
#include "broker/raft/snapshot_store_driver.hpp"
#include "broker/raft/vote_file_driver.hpp"
#include "protocol/base/result.hpp"

namespace sluice::broker::raft {

/// Everything that one server of the quorum has on disk: votes, entries, snapshots. The README tells what is where, and
/// what is done about damage.
///
/// Threading: one writer (`write`, `adopt_snapshot`, `close`) beside one reader (the StableLog); write_snapshot
/// anywhere.
class RaftStore final : public StableLog {
 public:
  struct Options {
    std::string directory;  ///< of the log; the one above is there
    ReplicaKey self;
    Configuration bootstrap;  ///< that of a log without entries
    int snapshots_kept = 3;
    storage::LogOptions log = kEntryLogOptions;
  };

  /// Errors: of storage; not_supported: the log is of another kind; wrong_directory: it is another server's;
  /// bad_message: it is damaged, and others rely on what it held. Each with a log line.
  static Result<std::unique_ptr<RaftStore>> open(storage::FileSystem& fs, const Options& options, Timestamp now);

  HardState hard_state() const { return votes_.state; }  ///< before the first write

  // As StableLog has it. What can't be read shows in `failure`.
  SnapshotMeta snapshot() const override;
  LogIndex first_index() const override { return entries_->first_index(); }
  LogIndex last_index() const override { return entries_->last_index(); }
  std::optional<Term> term(LogIndex index) const override;
  std::vector<Entry> entries(LogIndex first, LogIndex end, std::size_t bytes_max) const override;
  std::optional<std::string> snapshot_bytes(const SnapshotMeta& snapshot, std::int64_t offset,
                                            std::size_t bytes_max) const override;
  LogIndex snapshot_index() const;
  /// What went wrong while reading; none: nothing did.
  std::error_code failure() const;

  /// What Readies hold for the disk, in the order in which it is written.
  struct Work {
    std::optional<HardState> hard_state{};
    std::vector<SnapshotPart> parts{};
    std::optional<SnapshotMeta> install{};
    std::vector<Entry> entries{};
  };
  struct Written {
    bool is_snapshot_damaged = false;        ///< what came in is not what its name says
    std::optional<std::string> installed{};  ///< the state of the snapshot that was installed
  };
  /// Durable when it returns. After an error nothing may be written any more.
  Result<Written> write(Work work, Timestamp now);

  Result<SnapshotMeta> write_snapshot(const SnapshotMeta& meta, std::string_view state) const {
    return snapshots_.write(meta, state);
  }
  /// Makes one that was written *the* snapshot, and drops what is not needed any more: the log reaches back to the one
  /// before. False: a newer one took its place.
  Result<bool> adopt_snapshot(const SnapshotMeta& meta, Timestamp now);
  Result<std::string> load_snapshot() const { return snapshots_.load(snapshot()); }

  Result<> close() { return entries_->close(); }

 private:
  RaftStore(storage::FileSystem& fs, Options options, SnapshotStore snapshots)
      : fs_(fs), options_(std::move(options)), snapshots_(std::move(snapshots)) {}
  static Result<std::unique_ptr<RaftStore>> try_open(storage::FileSystem& fs, const Options& options, Timestamp now);
  Result<> recover(Timestamp now);
  Result<> choose_snapshot(std::vector<SnapshotStore::Found> found);
  bool names_self(const Work& work) const;
  Result<> write_votes_for(const Work& work);
  Result<std::string> install(const SnapshotMeta& meta);
  void set_snapshot(const SnapshotMeta& meta);

  storage::FileSystem& fs_;
  const Options options_;
  SnapshotStore snapshots_;
  std::unique_ptr<EntryLog> entries_;
  Votes votes_;                 // the writer's, as is:
  bool has_vote_file_ = false;  // a fresh store has none before it holds something

  mutable std::mutex mutex_;
  SnapshotMeta snapshot_;
  mutable std::error_code failure_;
};

}  // namespace sluice::broker::raft

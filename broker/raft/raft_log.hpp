#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "broker/raft/raft_types.hpp"

namespace sluice::broker::raft {

/// What the driver has on disk, as the core reads it. It shows what Readies that were reported durable put there, and
/// what was there at the start; of what is still on its way, it may show anything: the core does not look.
///
/// "Not at hand" (nullopt, nothing) is always allowed: it is asked again later.
class StableLog {
 public:
  virtual ~StableLog() = default;

  /// The latest snapshot; without one index 0 and the configuration that this server starts with (empty: it joins).
  virtual SnapshotMeta snapshot() const = 0;

  /// Of the entries kept: first_index() <= snapshot().index + 1, last_index() >= snapshot().index.
  virtual LogIndex first_index() const = 0;
  virtual LogIndex last_index() const = 0;

  /// Known from first_index() - 1 to last_index().
  virtual std::optional<Term> term(LogIndex index) const = 0;

  /// From `first` on, below `end`: at least one, and no more than bytes_max where that is more than one.
  virtual std::vector<Entry> entries(LogIndex first, LogIndex end, std::size_t bytes_max) const = 0;

  /// Up to `bytes_max` bytes of that snapshot. nullopt: not kept any more, or not at hand.
  virtual std::optional<std::string> snapshot_bytes(const SnapshotMeta& snapshot, std::int64_t offset,
                                                    std::size_t bytes_max) const = 0;
};

/// The log as the core sees it: what is on disk, the tail that is not yet known to be, how far it is committed, and
/// which configuration holds where.
///
/// Invariants: delivered <= commit <= last index; delivered <= durable; entries up to `commit` never change.
class RaftLog {
 public:
  explicit RaftLog(const StableLog& stable);

  LogIndex first_index() const;
  LogIndex last_index() const;
  Term last_term() const;
  /// nullopt: compacted away, or beyond the end.
  std::optional<Term> term(LogIndex index) const;
  bool matches(LogIndex index, Term term) const { return this->term(index) == term; }
  /// As StableLog::entries; nothing when `first` was compacted away.
  std::vector<Entry> entries(LogIndex first, LogIndex end, std::size_t bytes_max) const;
  /// Raft 3.6.1: a log ending in `last_index` of `last_term` holds whatever this one may have had committed.
  bool is_up_to_date(LogIndex last_index, Term last_term) const;
  /// The last entry at or before `index` whose term is at most `term`, as far as is known.
  LogIndex last_at_most(LogIndex index, Term term) const;

  /// Pre: follows the last one.
  void append(Entry entry);
  /// Takes what a leader sent behind an entry that matches, cutting off what contradicts it (Raft 3.5).
  void merge(std::vector<Entry> entries);

  /// The one on disk, for those who need what was compacted away.
  SnapshotMeta snapshot() const { return stable_.snapshot(); }
  std::optional<std::string> snapshot_bytes(const SnapshotMeta& snapshot, std::int64_t offset,
                                            std::size_t bytes_max) const {
    return stable_.snapshot_bytes(snapshot, offset, bytes_max);
  }

  LogIndex commit_index() const noexcept { return commit_; }
  /// Never back. Pre: `index` is in the log.
  void commit_to(LogIndex index);

  /// Replaces everything by a snapshot. Pre: its index is beyond commit_index().
  void restore(const SnapshotMeta& snapshot);
  /// The driver made a snapshot, and maybe dropped entries before it.
  void on_snapshot_stored();

  /// The latest configuration, committed or not (Raft 4.1), and where it stands; 0 is that of the start.
  const Configuration& configuration() const { return configurations_.back().configuration; }
  LogIndex configuration_index() const { return configurations_.back().index; }
  /// Whether it votes by the latest configuration, or by the one before that while the latest is not known to be
  /// committed.
  bool is_voter(const ReplicaKey& replica) const;
  /// What a snapshot at `index` is to say; bytes and checksum are the driver's. Pre: committed, and not compacted away.
  SnapshotMeta describe_snapshot(LogIndex index) const;

  /// Entries to make durable under that number; the same are not handed out twice.
  std::vector<Entry> hand_out(std::uint64_t number);
  std::optional<SnapshotMeta> hand_out_install();
  bool has_to_hand_out() const;
  void on_persisted(std::uint64_t number);
  LogIndex durable_index() const noexcept { return durable_; }

  /// The next entries to apply: committed and durable here.
  std::vector<Entry> deliver(std::size_t bytes_max);
  bool has_to_deliver() const noexcept { return delivered_ < std::min(commit_, durable_); }

 private:
  struct Placed {
    LogIndex index;
    Configuration configuration;
  };
  /// What of a Ready is on its way to the disk and still in the log.
  struct Inflight {
    std::uint64_t number;
    LogIndex last;
    bool installs;
  };

  void truncate_from(LogIndex index);
  void note_configuration(const Entry& entry);
  LogIndex tail_end() const { return tail_first_ + static_cast<std::int64_t>(tail_.size()); }
  const Entry& in_tail(LogIndex index) const { return tail_[static_cast<std::size_t>(index - tail_first_)]; }

  const StableLog& stable_;
  std::deque<Entry> tail_;                // not known to be durable; contiguous
  LogIndex tail_first_;                   // index of tail_.front(), or of the next entry; below it the disk is read
  LogIndex handed_out_;                   // entries up to here are on their way or durable
  LogIndex durable_;                      // <= last index
  std::deque<Inflight> inflight_;         // by number
  std::optional<SnapshotMeta> restored_;  // replaces the disk's content, until that is so on disk
  bool install_handed_out_ = false;

  LogIndex commit_;
  LogIndex delivered_;
  std::vector<Placed> configurations_;  // ascending; the first is that of the snapshot
};

}  // namespace sluice::broker::raft

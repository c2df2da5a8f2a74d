#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "protocol/base/bytes.hpp"
#include "protocol/base/ids.hpp"
#include "protocol/base/result.hpp"
#include "protocol/record/batch_view.hpp"
#include "storage/data_directory/directory_health.hpp"
#include "storage/epoch/leader_epoch_cache.hpp"
#include "storage/errc.hpp"
#include "storage/fs/file_system.hpp"
#include "storage/index/transaction_index.hpp"
#include "storage/integrity/damage.hpp"
#include "storage/integrity/segment_check.hpp"
#include "storage/log/log_options.hpp"
#include "storage/log/log_resources.hpp"
#include "storage/log/retention.hpp"
#include "storage/segment/log_slice.hpp"

namespace sluice::storage {

class CleanedSegment;
class Segment;
struct SliceRequest;
struct ProducerEnd;

struct Appended {
  Offset base_offset;
  Offset last_offset;
  Timestamp max_timestamp;
  bool duplicate = false;  ///< an idempotent producer's repeat: nothing was written, the offsets are the original's
};

struct TimestampedOffset {
  Offset offset = kNoOffset;
  Timestamp timestamp = kNoTimestamp;
  LeaderEpoch leader_epoch = kNoLeaderEpoch;
};

/// What opening found and did: for the log line, the metrics and the tests.
struct RecoveryReport {
  bool scanned = false;  ///< false after a clean stop
  std::uint64_t bytes_scanned = 0;
  std::uint64_t tail_bytes_cut = 0;  ///< of a torn tail, past the last synced offset
  std::uint32_t indexes_rebuilt = 0;
  std::vector<DamagedRange> damage{};  ///< below the recovery point: nothing was cut, reads end before it
};

/// How far a scrub of a log came.
struct ScrubCursor {
  Offset segment_base{0};
  std::uint32_t position = 0;
};
struct ScrubStep {
  std::uint64_t bytes = 0;  ///< that were read
  bool done = false;        ///< nothing that is due is left
};

/// Of all logs that are opened side by side, for whoever waits.
struct RecoveryProgress {
  std::atomic<std::uint64_t> bytes_left{0};  ///< to scan, of the logs that are being opened
  std::atomic<std::uint64_t> logs_done{0};
  std::atomic<std::uint64_t> logs_total{0};
};

struct LogOpening {
  /// Everything below was synced; only what lies at or past it is scanned, and damage below it is never cut: that range
  /// is refused and the rest served. So a stored one must be lowered before the log is truncated below it.
  Offset recovery_point{0};
  Offset log_start_offset{0};   ///< from the checkpoint; the first segment's base offset where that is larger
  bool clean_shutdown = false;  ///< trust all files as they are
  /// Every append was synced before the next began, so only the last batch can be torn: a sound batch past damage is
  /// an error, whatever the recovery point, and damage below it too.
  bool synced_one_by_one = false;
  /// Else there is no file of the leader epochs: every opening finds them in the batches.
  bool keeps_epochs = true;
  Timestamp now{0};
  RecoveryProgress* progress = nullptr;  ///< outlives the opening
  DirectoryHealth* health = nullptr;     ///< of the data directory; outlives the log. Null: taken to be sound
};

/// One partition's records: an ordered list of segments, of which the last is written.
///
/// Layout and formats are Kafka's, bit for bit (see storage/README.md). Invariant:
///   log_start_offset <= synced_end_offset <= log_end_offset, the first segment's base offset <= log_start_offset.
///
/// Threading: appends, truncation, roll and close exclude each other by the append mutex. Readers take an immutable
/// list of segments and the atomics below, never that mutex. sync() runs beside appends.
///
/// Errors: a failed append (ENOSPC, EIO, short write) leaves the log exactly as it was. A failed sync takes the log
/// offline for good, and its directory: whatever was not synced may be lost, and a second fsync would lie (Rebello et
/// al., ATC '20). Where only the small file of the leader epochs could not be written, the next sync tries again.
class Log {
 public:
  static Result<std::unique_ptr<Log>> open(LogResources& resources, std::string directory, const LogOptions& options,
                                           const LogOpening& opening, RecoveryReport* report = nullptr);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  /// As leader: gives one validated batch the next offsets, stamps `leader_epoch`, checks an idempotent producer's
  /// sequence, writes it. The batch is patched in place (base offset, leader epoch) and not otherwise touched.
  Result<Appended> append(record::MutableBatch batch, LeaderEpoch leader_epoch, Timestamp now);

  /// As follower: whole batches that already carry offsets, the first at log_end_offset or later. After an error some
  /// of the leading batches may have been appended; log_end_offset tells.
  Result<> append_as_follower(ByteView batches, Timestamp now);

  /// Whole batches from the one that holds `from` (or the next after a gap), ending below `end` and, beyond the first,
  /// within `bytes_max`. `from` == `end` or log end gives an empty slice. The first batch may start below `from`.
  /// When even the first batch exceeds `bytes_max` it is returned if `at_least_one_batch`, else the slice is empty.
  /// Only headers and the index are looked at. Errors: not_cached, in that mode, when these are not in memory.
  Result<LogSlice> read(Offset from, std::size_t bytes_max, Offset end, bool at_least_one_batch,
                        ReadMode mode = ReadMode::may_wait) const;
  /// Whether what lies at and past `from` was appended a moment ago, so that reading it waits for no disk. Two loads.
  bool is_recent(Offset from, Timestamp now) const noexcept;

  /// Whether every batch of the slice was held against its CRC since its file was opened, and held: bytes that this
  /// process wrote count. Cheap, without a lock. Of a slice for which this is false, call verify before it is served.
  bool is_verified(const LogSlice& slice) const noexcept;
  /// Reads the slice (and what shares its chunks of the file) from the disk and checks CRC, lengths, offsets and leader
  /// epochs. Blocks. Errors: corrupt_batch when some of it is damaged, which is noted: read() then ends before it.
  Result<> verify(const LogSlice& slice) const;
  /// Reads the next `bytes_max` or so of the sealed segments from the disk, past the page cache, checks them as verify
  /// does, and moves `cursor` on, past what can't be read too. Segments whose last scrub ended after `since` are passed
  /// over.
  Result<ScrubStep> scrub(ScrubCursor& cursor, std::uint32_t bytes_max, Timestamp since, Timestamp now) const;
  /// What of the log is known to be damaged, ascending. Cheap when nothing is.
  std::vector<DamagedRange> damage() const;

  /// First record whose timestamp is >= `target`, at or after the log start; offset kNoOffset when there is none.
  Result<TimestampedOffset> find_timestamp(Timestamp target) const;
  /// The record with the largest timestamp (the first such one); offset kNoOffset when the log is empty.
  Result<TimestampedOffset> find_max_timestamp() const;

  Result<> roll(Timestamp now);
  /// Periodic upkeep of logs that get no appends: rolls when the active segment is older than segment_ms, forgets
  /// idempotent producers silent for producer_id_expiration_ms.
  Result<> roll_if_due(Timestamp now);

  /// Drops every record at or above `offset`, and the whole batch that holds it. Whole segments go first, so that a
  /// crash leaves a valid prefix; durable when it returns. A failure halfway takes the log offline. Below a recovery
  /// point that is stored, LogManager::lower_recovery_point comes first.
  Result<> truncate_to(Offset offset);
  /// Empties the log; the next record gets `offset`.
  Result<> truncate_fully_and_start_at(Offset offset);
  /// DeleteRecords: moves the log start up (never down) and drops segments that lie wholly below it.
  Result<> advance_log_start(Offset offset);
  /// Drops the oldest segments that `limits` no longer want, as count_deletable has it. `deletable_end`: the high
  /// watermark, as what is not replicated must stay. The log then starts where the first segment left does.
  Result<RetentionReport> delete_old_segments(const RetentionLimits& limits, Offset deletable_end, Timestamp now);

  /// fdatasync of everything appended before the call; returns the end it covers. Readers and appends go on meanwhile.
  Result<Offset> sync();

  /// Whoever created the log has made its directory durable, and the one above.
  void names_were_synced();

  /// Flushes and trims every file; afterwards a clean-shutdown marker may be written. No call may follow.
  Result<> close();
  /// Renames the directory away for deletion; open slices stay readable. Returns the new path, to be removed later.
  Result<std::string> retire(const std::string& new_name);

  void set_options(const LogOptions& options);

  Offset log_start_offset() const noexcept { return Offset{log_start_offset_.load(std::memory_order_acquire)}; }
  Offset log_end_offset() const noexcept { return Offset{log_end_offset_.load(std::memory_order_acquire)}; }
  Offset synced_end_offset() const noexcept { return Offset{synced_end_offset_.load(std::memory_order_acquire)}; }
  /// Where a recovery may begin: all below is synced, and is not about to be cut.
  Offset recovery_point() const noexcept {
    return std::min(synced_end_offset(), Offset{cut_to_.load(std::memory_order_acquire)});
  }
  /// The one that was written down last, and would be begun from after a crash.
  Offset stored_recovery_point() const noexcept {
    return Offset{stored_recovery_point_.load(std::memory_order_acquire)};
  }
  void recovery_point_was_stored(Offset point) noexcept {
    stored_recovery_point_.store(point.value(), std::memory_order_release);
  }
  /// truncate_to(`offset`) is next: recovery_point() is no larger, until that is done.
  void announce_cut(Offset offset) noexcept { cut_to_.store(offset.value(), std::memory_order_release); }
  /// An earlier write or sync failed, here or anywhere on its disk.
  bool is_offline() const noexcept { return offline_.load(std::memory_order_acquire) || is_directory_offline(); }
  bool is_directory_offline() const noexcept {
    const auto* health = health_.load(std::memory_order_acquire);
    return health != nullptr && health->has_failed();
  }
  /// Its disk has no room left for records, only the reserve: what clients send is to be refused.
  bool is_out_of_space() const noexcept {
    const auto* health = health_.load(std::memory_order_acquire);
    return health != nullptr && health->space().is_full();
  }

  /// Notes that `leader_epoch` begins at the log end; the next sync persists it, if no batch of it was lost before.
  /// Called when leadership starts.
  Result<> begin_leader_epoch(LeaderEpoch leader_epoch);
  LeaderEpoch latest_leader_epoch() const;
  EpochEnd end_of_epoch(LeaderEpoch leader_epoch) const;
  /// The epoch that `offset` was (or would be) written in; kNoLeaderEpoch before the first known one.
  LeaderEpoch leader_epoch_at(Offset offset) const;

  std::vector<EpochStart> leader_epochs() const;
  /// First offset of the oldest open transaction: the last stable offset can't pass it.
  std::optional<Offset> first_open_transaction() const;
  /// Where the reading of committed records ends: the first offset of the oldest transaction that is open or whose
  /// marker is not below `high_watermark`, else that. Cheap. To be asked whenever the high watermark moves, too.
  Offset last_stable_offset(Offset high_watermark) const;
  /// The aborted transactions that overlap [from, to), by first offset. `to` is at most the last stable offset. Opens
  /// files of those segments only that have any. Errors: not_cached, in that mode.
  Result<std::vector<AbortedTransaction>> aborted_transactions(Offset from, Offset to,
                                                               ReadMode mode = ReadMode::may_wait) const;

  std::uint64_t size_bytes() const;
  Result<std::vector<SegmentSummary>> segments() const;
  std::size_t segment_count() const;

  /// For compaction. All segments but the active one, ascending.
  std::vector<std::shared_ptr<Segment>> sealed_segments() const;
  /// Idempotent producers that are still known, and the last of each in the log.
  std::unordered_map<ProducerId, ProducerEnd> producer_ends() const;
  /// Puts `cleaned`, finished, in the place of `sources`; durable when it returns. Readers go on meanwhile with what
  /// they have. Errors: operation_canceled when the log no longer has all of `sources` as sealed segments side by
  /// side; then, and after any other error that leaves it online, the log is as it was.
  Result<> replace_segments(const std::vector<std::shared_ptr<Segment>>& sources, CleanedSegment& cleaned,
                            Timestamp now);
  LogOptions options() const;
  FileSystem& file_system() const noexcept { return resources_.fs; }
  std::string directory() const;

 private:
  struct State;
  class Recovery;
  friend class LogMove;
  Log(LogResources& resources, std::string directory, const LogOptions& options);

  // The caller holds the append mutex.
  Result<> append_run(ByteView run, std::uint32_t batches);
  Result<> make_room(const record::BatchView& batch, Timestamp now);
  Result<> roll_to(Offset base_offset, Timestamp now);
  Result<> seal_active();
  Result<> reload_producers();
  Result<std::size_t> write_aborted(const record::BatchView& batch);
  Result<> rebuild_transactions(Segment& segment) const;
  Result<> drop_segments_from(std::size_t index);
  Result<> start_at(Offset offset);
  Result<> install(const std::vector<std::shared_ptr<Segment>>& sources, const CleanedSegment& cleaned, Timestamp now);
  Result<> discard(const std::vector<std::shared_ptr<Segment>>& segments);
  Result<> truncate_locked(Offset offset);
  Result<> restart_at(Offset offset, Timestamp now);
  /// No more is taken: what is here can't be relied on. Where the system is why, all of its directory goes with it, as
  /// in Kafka: whoever has several logs on that disk can't tell which of them may be trusted, and others are to lead.
  void take_offline(std::error_code reason);
  Result<> take_offline_on_error(Result<> result);
  Result<Offset> sync_locked();  // the sync mutex too

  Result<AbortsFound> collect_aborted(Segment& segment, Offset from, Offset to, std::vector<AbortedTransaction>& into,
                                      ReadMode mode) const;
  Result<LogSlice> read_once(Offset from, std::size_t bytes_max, Offset end, bool at_least_one_batch,
                             ReadMode mode) const;
  static Result<LogSlice> read_first(const std::vector<std::shared_ptr<Segment>>& list, const SliceRequest& request);
  Result<SegmentChecked> check_range(Segment& segment, const File& file, std::uint32_t position,
                                     std::uint32_t end) const;
  Result<> examine(Offset from, std::size_t bytes) const;
  bool is_known_damage(Offset offset) const;
  void note_damage(Segment& segment, const DamagedRange& range) const;

  LogResources& resources_;
  FileSystem& fs_;
  std::string directory_;
  std::unique_ptr<State> state_;
  std::atomic<std::int64_t> log_start_offset_{0};
  std::atomic<std::int64_t> log_end_offset_{0};
  std::atomic<std::int64_t> synced_end_offset_{0};
  std::atomic<std::int64_t> cut_to_{std::numeric_limits<std::int64_t>::max()};  // announced, and not done yet
  std::atomic<std::int64_t> stored_recovery_point_{0};
  std::atomic<bool> offline_{false};
  std::atomic<DirectoryHealth*> health_{nullptr};
};

}  // namespace sluice::storage

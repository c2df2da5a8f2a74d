#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "protocol/base/bytes.hpp"
#include "protocol/base/ids.hpp"
#include "protocol/base/result.hpp"
#include "protocol/record/batch_view.hpp"
#include "storage/epoch/leader_epoch_cache.hpp"
#include "storage/errc.hpp"
#include "storage/fs/file_system.hpp"
#include "storage/log/log_options.hpp"
#include "storage/log/log_resources.hpp"
#include "storage/segment/log_slice.hpp"

namespace sluice::storage {

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
};

struct LogOpening {
  /// Everything below was synced; only what lies at or past it is scanned, and damage below it is never cut but an
  /// error. So a stored one must be lowered before the log is truncated below it.
  Offset recovery_point{0};
  Offset log_start_offset{0};   ///< from the checkpoint; the first segment's base offset where that is larger
  bool clean_shutdown = false;  ///< trust all files as they are
  /// Every append was synced before the next began, so only the last batch can be torn: a sound batch past damage is
  /// an error, whatever the recovery point.
  bool synced_one_by_one = false;
  Timestamp now{0};
};

/// One segment, for retention and metrics.
struct SegmentSummary {
  Offset base_offset{0};
  Offset next_offset{0};  ///< of a sealed segment at most the next one's base offset
  std::uint32_t size_bytes = 0;
  Timestamp largest_timestamp = kNoTimestamp;
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
/// offline for good: whatever was not synced may be lost, and a second fsync would lie (Rebello et al., ATC '20).
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
  Result<LogSlice> read(Offset from, std::size_t bytes_max, Offset end, bool at_least_one_batch) const;

  /// First record whose timestamp is >= `target`, at or after the log start; offset kNoOffset when there is none.
  Result<TimestampedOffset> find_timestamp(Timestamp target) const;
  /// The record with the largest timestamp (the first such one); offset kNoOffset when the log is empty.
  Result<TimestampedOffset> find_max_timestamp() const;

  Result<> roll(Timestamp now);
  /// Periodic upkeep of logs that get no appends: rolls when the active segment is older than segment_ms, forgets
  /// idempotent producers silent for producer_id_expiration_ms.
  Result<> roll_if_due(Timestamp now);

  /// Drops every record at or above `offset`, and the whole batch that holds it. Whole segments go first, so that a
  /// crash leaves a valid prefix; durable when it returns. A failure halfway takes the log offline.
  Result<> truncate_to(Offset offset);
  /// Empties the log; the next record gets `offset`.
  Result<> truncate_fully_and_start_at(Offset offset);
  /// DeleteRecords: moves the log start up (never down) and drops segments that lie wholly below it.
  Result<> advance_log_start(Offset offset);

  /// fdatasync of everything appended before the call; returns the end it covers. Readers and appends go on meanwhile.
  Result<Offset> sync();

  /// Flushes and trims every file; afterwards a clean-shutdown marker may be written. No call may follow.
  Result<> close();
  /// Renames the directory away for deletion; open slices stay readable. Returns the new path, to be removed later.
  Result<std::string> retire(const std::string& new_name);

  void set_options(const LogOptions& options);

  Offset log_start_offset() const noexcept { return Offset{log_start_offset_.load(std::memory_order_acquire)}; }
  Offset log_end_offset() const noexcept { return Offset{log_end_offset_.load(std::memory_order_acquire)}; }
  Offset synced_end_offset() const noexcept { return Offset{synced_end_offset_.load(std::memory_order_acquire)}; }
  bool is_offline() const noexcept { return offline_.load(std::memory_order_acquire); }

  /// Records that `leader_epoch` begins at the log end; persisted before it returns. Called when leadership starts.
  Result<> begin_leader_epoch(LeaderEpoch leader_epoch);
  LeaderEpoch latest_leader_epoch() const;
  EpochEnd end_of_epoch(LeaderEpoch leader_epoch) const;
  /// The epoch that `offset` was (or would be) written in; kNoLeaderEpoch before the first known one.
  LeaderEpoch leader_epoch_at(Offset offset) const;

  std::vector<EpochStart> leader_epochs() const;
  /// First offset of the oldest open transaction: the last stable offset can't pass it.
  std::optional<Offset> first_open_transaction() const;

  std::uint64_t size_bytes() const;
  Result<std::vector<SegmentSummary>> segments() const;
  std::size_t segment_count() const;
  const std::string& directory() const noexcept { return directory_; }

 private:
  struct State;
  class Recovery;
  Log(LogResources& resources, std::string directory, const LogOptions& options);

  // The caller holds the append mutex.
  Result<> append_run(ByteView run, std::uint32_t batches);
  Result<> make_room(const record::BatchView& batch, Timestamp now);
  Result<> roll_to(Offset base_offset, Timestamp now);
  Result<> seal_active();
  Result<> reload_producers();
  Result<> drop_segments_from(std::size_t index);
  Result<> truncate_locked(Offset offset);
  Result<> restart_at(Offset offset, Timestamp now);
  Result<> take_offline_on_error(Result<> result);
  Result<Offset> sync_locked();  // the sync mutex too

  Result<LogSlice> read_once(Offset from, std::size_t bytes_max, Offset end, bool at_least_one_batch) const;

  LogResources& resources_;
  FileSystem& fs_;
  std::string directory_;
  std::unique_ptr<State> state_;
  std::atomic<std::int64_t> log_start_offset_{0};
  std::atomic<std::int64_t> log_end_offset_{0};
  std::atomic<std::int64_t> synced_end_offset_{0};
  std::atomic<bool> offline_{false};
};

}  // namespace sluice::storage

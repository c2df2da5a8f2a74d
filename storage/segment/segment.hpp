#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <vector>

#include "protocol/base/ids.hpp"
#include "protocol/base/result.hpp"
#include "protocol/record/batch_view.hpp"
#include "storage/fs/file_system.hpp"
#include "storage/index/offset_index.hpp"
#include "storage/index/time_index.hpp"
#include "storage/integrity/segment_integrity.hpp"
#include "storage/log/log_options.hpp"
#include "storage/log/log_resources.hpp"
#include "storage/segment/segment_file.hpp"
#include "storage/segment/segment_transactions.hpp"

namespace sluice::storage {

/// How far a segment reaches, read as one consistent whole.
struct SegmentEnd {
  std::uint32_t size = 0;  ///< bytes that are completely written
  Offset next_offset{0};   ///< past the last batch; of a sealed segment at most the next one's base offset
};

/// One `.log` file with its two indexes. Written while it is the last of its log, then sealed.
///
/// The file's size is always what was written: space is reserved ahead without moving the end, so a crash leaves no
/// zero tail, and released by `trim`. Indexes come with the first entry and load on first use; those of a sealed
/// segment are rebuilt there when in doubt. A segment that is not used closes its files (see OpenSegments) and opens
/// them again when it is.
///
/// Threading: one appender at a time (the log's append mutex); readers use end(), lookups and file freely.
class Segment {
 public:
  /// Creates the `.log` file. Errors: EEXIST among the system's.
  static Result<std::shared_ptr<Segment>> create(LogResources& resources, const std::string& directory,
                                                 Offset base_offset, const LogOptions& options, Timestamp now);
  /// An existing one, taken to be whole up to the size of its file.
  static Result<std::shared_ptr<Segment>> open(LogResources& resources, const std::string& directory,
                                               Offset base_offset, const LogOptions& options, Timestamp now);
  ~Segment();

  Offset base_offset() const noexcept { return base_offset_; }
  SegmentEnd end() const noexcept;
  std::uint32_t size() const noexcept { return size_.load(std::memory_order_acquire); }
  const SegmentFile& file() const noexcept { return file_; }
  const std::string& directory() const noexcept { return directory_; }
  Timestamp created() const noexcept { return created_; }  ///< or opened

  /// What is known of its bytes: checked, damaged.
  const std::shared_ptr<SegmentIntegrity>& integrity() const noexcept { return integrity_; }

  /// Loads the indexes, rebuilding them when in doubt. Every lookup does it; the appender does before has_room.
  Result<> ensure_indexes();
  /// Writes whole batches, each with its offsets, back to back. On failure nothing has changed, unless is_broken().
  /// Pre: ensure_indexes was called once, `batches` is their number, they fit by has_room.
  Result<> append(ByteView run, std::uint32_t batches);
  bool has_room(std::uint32_t batches) const noexcept;  ///< for their index entries
  bool indexes_full() const noexcept;
  /// A failed write could not be undone: the file's tail is undefined.
  bool is_broken() const noexcept { return broken_; }

  /// The age that segment_ms is held against: from the first batch's timestamp to `timestamp` (that of the batch to be
  /// appended), or from creation to `now` where the first batch has none.
  std::chrono::milliseconds age(Timestamp now, std::optional<Timestamp> timestamp);

  /// Drops every batch with a record at or above `offset`, durably. Returns the end of what is left.
  Result<Offset> truncate_to(Offset offset);
  /// Final time index entry, indexes cut to their entries, reserved space given back.
  Result<> trim();
  /// fdatasync of the log file; with `indexes` of those too.
  Result<> sync(bool indexes);
  bool has_unsynced_bytes() const noexcept { return size() != synced_size_.load(std::memory_order_relaxed); }
  /// Closes the files until they are used again; false when they are in use at this moment.
  bool try_park() noexcept;
  /// Removes all files of the segment. Open slices stay readable.
  Result<> remove();
  /// Renames all files of the segment to `.deleted` and returns their new names. Readers that still have the segment
  /// go on, until the files are removed.
  Result<std::vector<std::string>> rename_away();

  /// Whether finding positions waits for no disk at this moment: the files are open, the offset index is in memory.
  bool can_look_up_at_once() const;
  /// Where to start walking for `offset`: the start of a batch at or below the one that holds it.
  Result<std::uint32_t> floor_position(Offset offset);
  /// The start of some batch at or below `position`, near it.
  Result<std::uint32_t> batch_start_below(std::uint32_t position);
  /// The largest timestamp and the last offset of the batch that has it; {kNoTimestamp, base} without.
  Result<TimestampOffset> largest_timestamp();
  /// Last offset of a batch before which no batch has a timestamp of `target` or later.
  Result<Offset> offset_before(Timestamp target);

  /// The aborted transactions whose markers lie here, and where their file is.
  SegmentTransactions& transactions() noexcept { return transactions_; }
  SegmentTransactions::Place place() const noexcept { return {resources_.fs, directory_, base_offset_}; }

  /// Notes and reports a damaged range, if it is new.
  void note_damage(const DamagedRange& range);
  /// Something in the file is no batch, or out of line: reads all of it to find what, and notes it.
  Result<> find_damage();
  /// Makes the indexes anew, as what they say does not fit the batches. Of a sealed segment.
  Result<> rebuild_indexes_anew();

  /// For recovery: forgets the indexes, then takes the batches one by one, then how far they reach.
  Result<> begin_rebuild();
  struct ScanStart {
    std::uint32_t position;
    Offset expected;  ///< no batch begins below
  };
  /// The same, but keeps the entries below `recovery_point` that are proven; returns where to begin.
  Result<ScanStart> begin_rebuild_from(Offset recovery_point);
  Result<> rebuild_with(const record::BatchView& header, std::uint32_t position);
  void end_rebuild(SegmentEnd end);
  /// After a cut: what the index files hold beyond their entries goes, durably.
  Result<> forget_stale_entries();
  /// Takes over what lies past the last index entry, after a clean stop. Errors: corrupt_batch.
  Result<> load_tail();
  /// Cuts the file at `size`, durably.
  Result<> cut(std::uint32_t size);
  void set_next_offset(Offset next_offset) noexcept { publish({size(), next_offset}, largest_); }
  bool was_rebuilt() const noexcept { return rebuilt_; }

 private:
  friend class OpenSegments;
  using IndexesInUse = std::shared_lock<std::shared_mutex>;  // while it lives the files stay open

  Segment(LogResources& resources, const std::string& directory, Offset base_offset, const LogOptions& options,
          Timestamp now);

  Result<IndexesInUse> use_indexes();
  Result<> load_or_rebuild_indexes();
  Result<> load_indexes();
  Result<> rebuild_indexes();
  Result<> take_all_batches();
  Result<ScanStart> keep_proven_entries(Offset recovery_point);
  Result<> ensure_index_room(std::uint64_t bytes, std::uint32_t batches);
  void index_batch(const record::BatchView& header, std::uint32_t position, bool room);
  Result<> walk_tail();
  void reserve_ahead(File& file, std::uint64_t needed);
  Result<Timestamp> first_timestamp();
  void publish(SegmentEnd end, TimestampOffset largest) noexcept;

  LogResources& resources_;
  std::string directory_;
  Offset base_offset_;
  const std::uint32_t segment_bytes_;
  const std::uint32_t index_interval_bytes_;
  const std::uint32_t index_bytes_;
  const bool preallocate_;
  Timestamp created_;
  SegmentFile file_;
  std::shared_ptr<SegmentIntegrity> integrity_ = std::make_shared<SegmentIntegrity>();

  mutable std::shared_mutex index_mutex_;  // shared: lookups and the appender; exclusive: loading and parking
  bool indexes_loaded_ = false;
  bool indexes_known_ = false;  // they were sound, or made here: what is parked comes back as it was
  OffsetIndex offset_index_;
  TimeIndex time_index_;
  SegmentTransactions transactions_;

  // The appender's alone.
  std::uint64_t reserved_bytes_ = 0;
  std::uint64_t bytes_since_entry_ = 0;
  std::optional<Timestamp> first_timestamp_;
  TimestampOffset largest_;  // of the batches taken so far
  bool broken_ = false;
  bool rebuilt_ = false;

  // Published together: odd while they change.
  mutable std::atomic<std::uint32_t> version_{0};
  std::atomic<std::uint32_t> size_{0};
  std::atomic<std::int64_t> next_offset_{0};
  std::atomic<std::int64_t> largest_timestamp_{-1};
  std::atomic<std::int64_t> largest_timestamp_offset_{-1};
  std::atomic<std::uint32_t> synced_size_{0};

  // For OpenSegments.
  static constexpr std::size_t kNotRegistered = static_cast<std::size_t>(-1);
  std::atomic<bool> used_{false};                        // since it last looked
  std::atomic<std::size_t> ring_index_{kNotRegistered};  // written under its mutex
};

}  // namespace sluice::storage

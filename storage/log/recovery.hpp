#pragma once

#include <optional>
#include <vector>

#include "storage/epoch/leader_epoch_cache.hpp"
#include "storage/integrity/batch_scan.hpp"
#include "storage/log/log.hpp"
#include "storage/segment/segment_set.hpp"

namespace sluice::storage {

/// Brings a log up from its directory, in this order: leftovers, segments, their tails (or the scan from the recovery
/// point), leader epochs, producers. One run per opening; nobody else sees the log yet.
class Log::Recovery {
 public:
  Recovery(Log& log, const LogOpening& opening, RecoveryReport& report)
      : log_(log), opening_(opening), report_(report) {}

  Result<> run();

 private:
  Result<> make_directory();
  Result<> recover_swap();
  Result<> take_inventory();
  Result<> remove_orphans(const std::vector<DirectoryEntry>& entries);
  Result<> open_segments();
  Result<> trust_tails();
  Result<> scan();
  Result<> scan_segments(const SegmentList& list);
  Result<Offset> scan_segment(Segment& segment, Offset limit);
  bool was_synced(Offset offset) const;
  Result<> pass_damage(Segment& segment, BatchScan& scan, Offset limit);
  static DamagedRange missing_batches(const Segment& segment, Offset from, Offset to);
  void note_damage(Segment& segment, const DamagedRange& range);
  Result<> begin_after_damage(Segment& segment);
  Result<> cut_tail(Segment& segment, std::uint32_t position, Offset offset);
  Result<> cut_after(std::size_t index);
  void pass_bytes(std::uint64_t bytes);
  Result<> settle_offsets();
  Result<> discard_before_gap(Offset log_start);
  Result<> restore_epochs();
  void find_transactions(Segment& segment) const;
  Result<> restore_producers();
  Result<> collect_epochs_of_all();
  void note_epoch(const record::BatchView& header);

  Log& log_;
  const LogOpening& opening_;
  RecoveryReport& report_;
  std::vector<Offset> base_offsets_;        // ascending
  std::vector<Offset> with_index_;          // ascending: those with a file of that kind
  std::vector<Offset> with_aborts_;         // ascending
  std::vector<EpochStart> scanned_epochs_;  // in the order they were met
  std::size_t first_scanned_ = 0;
  bool names_removed_ = false;                    // of segments or snapshots that lay past the end
  std::optional<LeaderEpochCache> known_epochs_;  // as the checkpoint has them, before the scan
  std::uint64_t bytes_left_ = 0;                  // to scan
  bool torn_ = false;                             // the segment that was scanned last ends in what was being written
  bool ends_damaged_ = false;                     // ... in synced bytes that can't be read
};

}  // namespace sluice::storage

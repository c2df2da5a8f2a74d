#pragma once

#include <vector>

#include "storage/epoch/leader_epoch_cache.hpp"
#include "storage/log/log.hpp"
#include "storage/segment/segment.hpp"

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
  Result<> take_inventory();
  Result<> remove_orphans(const std::vector<DirectoryEntry>& entries);
  Result<> open_segments();
  Result<> trust_tails();
  Result<> scan();
  Result<Offset> scan_segment(Segment& segment);
  Result<> check_torn(const Segment& segment, std::uint32_t position, Offset offset) const;
  Result<> cut_after(std::size_t index);
  Result<> settle_offsets();
  Result<> restore_epochs();
  Result<> collect_epochs_of_all();
  void note_epoch(const record::BatchView& header);

  Log& log_;
  const LogOpening& opening_;
  RecoveryReport& report_;
  std::vector<Offset> base_offsets_;        // ascending
  std::vector<EpochStart> scanned_epochs_;  // in the order they were met
  std::size_t first_scanned_ = 0;
  bool names_removed_ = false;  // of segments or snapshots that lay past the end
  bool damaged_ = false;        // the last scanned segment had to be cut
};

}  // namespace sluice::storage

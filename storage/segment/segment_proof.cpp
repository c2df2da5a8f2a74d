#include <algorithm>

#include "storage/errc.hpp"
#include "storage/segment/header_walker.hpp"
#include "storage/segment/segment.hpp"

// What of an index can be believed after a crash, without reading the log that it indexes.
//
// The file of an active index is made of zeros; entries are stored through a mapping and reach the disk a page at a
// time, in any order. So a page is either as it was written or an earlier state of it, which ends in zeros. Entries
// that ascend strictly from the first on, in both of their fields, are therefore those that were stored; the first that
// does not ascend ends what is believed. An entry counts for less than the log says: the batch that the last one names
// must be there. The time index tells where to begin: each of its entries speaks of all batches up to one, so that
// from the last believed one on everything is looked at again, and none can be missing before it. What rots later is
// found when an entry is used, as it must lead to the batch that it names.

namespace sluice::storage {

Result<Segment::ScanStart> Segment::begin_rebuild_from(Offset recovery_point) {
  const ScanStart whole{0, base_offset_};
  if (recovery_point > base_offset_) {
    const auto kept = keep_proven_entries(recovery_point);
    if (kept) return *kept;
    if (kept.error() != Errc::corrupt_index && kept.error() != Errc::corrupt_batch) return kept.error();
  }
  if (const auto begun = begin_rebuild(); !begun) return begun.error();
  return whole;
}

// Errors: corrupt_index, corrupt_batch when nothing is proven.
Result<Segment::ScanStart> Segment::keep_proven_entries(Offset recovery_point) {
  if (const auto loaded = offset_index_.file().load(); !loaded) return loaded.error();
  if (const auto loaded = time_index_.file().load(); !loaded) return loaded.error();
  const auto entries = offset_index_.count_ascending(size(), recovery_point);
  if (entries == 0) return Errc::corrupt_index;
  const auto times = time_index_.count_ascending(offset_index_.entry(entries - 1).offset);
  if (times == 0) return Errc::corrupt_index;
  const auto time = time_index_.entry(times - 1);
  offset_index_.file().keep(entries);
  const auto start = offset_index_.lower_entry(time.offset);
  if (start.position == 0) return Errc::corrupt_index;  // none at or below

  HeaderWalker walker{file_, start.position, size()};
  const auto named = walker.next();
  if (!named) return named.error();
  if (!*named || (*named)->header.last_offset() != start.offset) return Errc::corrupt_index;
  const auto before = offset_index_.lower_entry(start.offset - 1);
  offset_index_.truncate_to(start.offset + 1);
  time_index_.file().keep(times);
  bytes_since_entry_ = 0;
  largest_ = {time.timestamp, time.offset};
  return ScanStart{start.position, before.position == 0 ? base_offset_ : before.offset + 1};
}

// Entries of batches that were cut must not come back among those of the batches that take their place: they ascend
// too.
Result<> Segment::forget_stale_entries() {
  offset_index_.truncate_to(end().next_offset);
  time_index_.truncate_to(end().next_offset);
  for (auto* file : {&offset_index_.file(), &time_index_.file()}) {
    if (const auto trimmed = file->trim(); !trimmed) return trimmed.error();
    if (const auto synced = file->sync(); !synced) return synced.error();
  }
  return {};
}

}  // namespace sluice::storage

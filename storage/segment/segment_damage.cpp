#include "storage/errc.hpp"
#include "storage/integrity/batch_scan.hpp"
#include "storage/segment/segment.hpp"

// What a segment does when some of its bytes are no batches, or its indexes do not tell the truth.

namespace sluice::storage {

void Segment::note_damage(const DamagedRange& range) {
  if (integrity_->add(range) && resources_.on_damage) resources_.on_damage(directory_, range);
}

Result<DamagedRange> Segment::find_damage_end(std::uint32_t position, Offset expected) {
  const auto file = file_.open();
  if (!file) return file.error();
  const auto whole = end();
  BatchScan scan{**file, {.position = position, .end = whole.size, .expected = expected, .limit = whole.next_offset}};
  auto range = scan.skip_damage();
  if (!range) return range;
  range->segment_base = base_offset_;
  note_damage(*range);
  return range;
}

Result<> Segment::rebuild_indexes_anew() {
  const std::unique_lock lock{index_mutex_};
  indexes_loaded_ = indexes_known_ = false;
  if (const auto rebuilt = rebuild_indexes(); !rebuilt) return rebuilt.error();
  indexes_loaded_ = indexes_known_ = true;
  return {};
}

}  // namespace sluice::storage

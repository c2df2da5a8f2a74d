#include "storage/errc.hpp"
#include "storage/integrity/batch_scan.hpp"
#include "storage/segment/segment.hpp"

// What a segment does when some of its bytes are no batches, or its indexes do not tell the truth.

namespace sluice::storage {

void Segment::note_damage(const DamagedRange& range) {
  if (integrity_->add(range) && resources_.on_damage) resources_.on_damage(directory_, range);
}

Result<> Segment::find_damage() {
  const auto file = file_.open();
  if (!file) return file.error();
  const auto whole = end();
  BatchScan scan{**file, {.position = 0, .end = whole.size, .expected = base_offset_, .limit = whole.next_offset}};
  while (true) {
    const auto batch = scan.next();
    if (batch && !*batch) return {};
    if (batch) continue;
    if (batch.error() != Errc::corrupt_batch) return batch.error();
    auto range = scan.skip_damage();
    if (!range) return range.error();
    range->segment_base = base_offset_;
    note_damage(*range);
  }
}

Result<> Segment::rebuild_indexes_anew() {
  const std::unique_lock lock{index_mutex_};
  indexes_loaded_ = indexes_known_ = false;
  if (const auto rebuilt = rebuild_indexes(); !rebuilt) return rebuilt.error();
  indexes_loaded_ = indexes_known_ = true;
  return {};
}

}  // namespace sluice::storage

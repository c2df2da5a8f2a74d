#include "storage/integrity/segment_check.hpp"

#include <algorithm>

#include "storage/errc.hpp"
#include "storage/integrity/batch_scan.hpp"
#include "storage/integrity/segment_integrity.hpp"
#include "storage/segment/segment.hpp"

namespace sluice::storage {
namespace {

constexpr auto kChunk = SegmentIntegrity::kChunkBytes;

// A batch start well below `position`, so that what begins there is held against a neighbour. Nothing is taken from
// indexes that can't be read.
std::uint32_t start_below(Segment& segment, std::uint32_t position) {
  if (position == 0) return 0;
  const auto start = segment.batch_start_below(position - 1);
  return start ? *start : 0;
}

/// Checks up to `checked.end`; false when it began at no sound batch.
Result<bool> check_from(const File& file, const ScanBounds& bounds, Offset segment_base, SegmentChecked& checked) {
  BatchScan scan{file, bounds};
  bool first = true;
  while (scan.position() < checked.end) {
    const auto batch = scan.next();
    if (batch && !*batch) break;
    if (batch) {
      first = false;
      continue;
    }
    if (batch.error() != Errc::corrupt_batch) return {boost::system::in_place_error, batch.error()};
    if (first && bounds.position > 0) return false;
    auto range = scan.skip_damage();
    if (!range) return {boost::system::in_place_error, range.error()};
    range->segment_base = segment_base;
    checked.damage.push_back(*range);
    first = false;
  }
  checked.bytes_read += scan.position() - bounds.position;
  checked.end = std::max(checked.end, scan.position());
  return true;
}

}  // namespace

Result<SegmentChecked> check_segment(Segment& segment, const File& file, std::uint32_t position, std::uint32_t end,
                                     const LeaderEpochCache* epochs) {
  const auto whole = segment.end();
  SegmentChecked checked{.position = position / kChunk * kChunk};
  const auto chunks_end = (std::uint64_t{end} + kChunk - 1) / kChunk * kChunk;
  checked.end = static_cast<std::uint32_t>(std::min<std::uint64_t>(chunks_end, whole.size));
  auto start = start_below(segment, checked.position);
  while (true) {
    const ScanBounds bounds{.position = start,
                            .end = whole.size,
                            .expected = segment.base_offset(),
                            .limit = whole.next_offset,
                            .epochs = epochs};
    const auto found = check_from(file, bounds, segment.base_offset(), checked);
    if (!found) return found.error();
    if (*found) return checked;
    start = start_below(segment, start / 2);
  }
}

}  // namespace sluice::storage

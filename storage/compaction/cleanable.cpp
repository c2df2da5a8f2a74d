#include "storage/compaction/cleanable.hpp"

#include <algorithm>
#include <limits>

#include "storage/log/log.hpp"
#include "storage/segment/header_walker.hpp"
#include "storage/segment/segment.hpp"

namespace sluice::storage {
namespace {

Offset first_dirty_of(const LogBounds& bounds, std::optional<Offset> checkpoint) {
  if (!checkpoint || *checkpoint < bounds.start || *checkpoint > bounds.end) return bounds.start;
  return *checkpoint;
}

// Whether `since` lies more than `lag` before now; the sums are those of strangers' timestamps.
bool is_past(Timestamp since, std::chrono::milliseconds lag, Timestamp now) noexcept {
  std::int64_t age = 0;
  if (__builtin_sub_overflow(now.value(), since.value(), &age)) return since < now;
  return age > lag.count();
}

Result<Timestamp> first_timestamp_of(const Segment& segment) {
  HeaderWalker walker{segment.file(), 0, segment.size()};
  const auto first = walker.next();
  if (!first) return first.error();
  return *first ? (*first)->header.max_timestamp() : kNoTimestamp;
}

}  // namespace

Cleanable find_cleanable(const std::vector<CleanableSegment>& sealed, const LogBounds& bounds,
                         std::optional<Offset> checkpoint, const CleaningRules& rules, Timestamp now) {
  Cleanable found;
  found.first_dirty = first_dirty_of(bounds, checkpoint);
  found.end = sealed.empty() ? found.first_dirty : sealed.front().base_offset;
  auto earliest = std::numeric_limits<std::int64_t>::max();
  for (const auto& segment : sealed) {
    const bool dirty = segment.next_offset > found.first_dirty;
    const bool too_young = dirty && rules.min_compaction_lag.count() > 0 &&
                           !is_past(segment.largest_timestamp, rules.min_compaction_lag, now);
    if (segment.next_offset > bounds.stable_end || too_young) break;
    found.end = segment.next_offset;
    (dirty ? found.cleanable_bytes : found.clean_bytes) += segment.size_bytes;
    if (dirty && segment.first_timestamp > Timestamp{0}) earliest = std::min(earliest, segment.first_timestamp.value());
  }
  if (found.cleanable_bytes == 0) return found;
  found.overdue = rules.max_compaction_lag && is_past(Timestamp{earliest}, *rules.max_compaction_lag, now);
  found.due = found.overdue || found.dirty_ratio() > rules.min_cleanable_dirty_ratio;
  return found;
}

Result<Cleanable> survey(const Log& log, Offset stable_end, std::optional<Offset> checkpoint,
                         const CleaningRules& rules, Timestamp now) {
  const LogBounds bounds{log.log_start_offset(), log.log_end_offset(), stable_end};
  const auto first_dirty = first_dirty_of(bounds, checkpoint);
  std::vector<CleanableSegment> sealed;
  for (const auto& segment : log.sealed_segments()) {
    const auto end = segment->end();
    CleanableSegment found{
        .base_offset = segment->base_offset(), .next_offset = end.next_offset, .size_bytes = end.size};
    if (end.next_offset > first_dirty && rules.min_compaction_lag.count() > 0) {
      const auto largest = segment->largest_timestamp();
      if (!largest) return largest.error();
      found.largest_timestamp = largest->timestamp;
    }
    if (end.next_offset > first_dirty && rules.max_compaction_lag) {
      const auto first = first_timestamp_of(*segment);
      if (!first) return first.error();
      found.first_timestamp = *first;
    }
    sealed.push_back(found);
  }
  return find_cleanable(sealed, bounds, checkpoint, rules, now);
}

}  // namespace sluice::storage

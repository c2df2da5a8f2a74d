#include <algorithm>

#include "protocol/record/record_stream.hpp"
#include "protocol/record/record_summary.hpp"
#include "storage/log/log.hpp"
#include "storage/log/log_state.hpp"
#include "storage/segment/batch_reader.hpp"
#include "storage/segment/header_walker.hpp"

namespace sluice::storage {
namespace {

// A batch that unpacks to more was refused when it was produced; this only bounds a hostile file.
constexpr std::size_t kDecompressedBytesMax = std::size_t{1} << 30;

// First record of `batch` at or above `from` with a timestamp of at least `target`.
Result<std::optional<TimestampedOffset>> find_in_batch(const record::BatchView& batch, Offset from, Timestamp target) {
  const auto found = [&](Offset offset, Timestamp timestamp) {
    return std::optional{TimestampedOffset{offset, timestamp, batch.partition_leader_epoch()}};
  };
  // Under log append time the header's timestamp is that of every record.
  const bool same_for_all = batch.timestamp_type() == record::TimestampType::log_append_time;
  record::RecordStream stream;
  if (const auto started = stream.start(batch, kDecompressedBytesMax); !started) return started.error();
  while (true) {
    const auto shape = stream.next_shape();
    if (!shape) return shape.error();
    if (!*shape) return std::optional<TimestampedOffset>{};
    const auto offset = batch.base_offset() + (*shape)->offset_delta;
    const auto timestamp =
        same_for_all ? batch.max_timestamp() : record::timestamp_of(batch.base_timestamp(), (*shape)->timestamp_delta);
    if (offset >= from && timestamp >= target) return found(offset, timestamp);
  }
}

// The same in a segment, of which the time index says where it can be at the earliest.
Result<std::optional<TimestampedOffset>> find_in_segment(Segment& segment, Offset from, Timestamp target) {
  const auto before = segment.offset_before(target);
  if (!before) return before.error();
  const auto position = segment.floor_position(std::max(*before, from));
  if (!position) return position.error();
  HeaderWalker walker{segment.file(), *position, segment.end().size, ReadMode::may_wait, segment.integrity()->damage()};
  std::vector<std::byte> buffer;
  while (true) {
    const auto step = walker.next();
    if (!step) return step.error();
    if (!*step) return std::optional<TimestampedOffset>{};
    const auto& header = (*step)->header;
    if (header.last_offset() < from || header.max_timestamp() < target) continue;
    const auto batch = read_batch(segment.file(), (*step)->position, header.size(), buffer);
    if (!batch) return batch.error();
    auto found = find_in_batch(*batch, from, target);
    if (!found || *found) return found;
  }
}

// Of the batches that reach `from` or beyond: the index may name one that lies wholly below the log start.
Result<Timestamp> largest_timestamp_from(Segment& segment, Offset from) {
  if (segment.base_offset() >= from) {
    const auto largest = segment.largest_timestamp();
    if (!largest) return largest.error();
    return largest->timestamp;
  }
  const auto position = segment.floor_position(from);
  if (!position) return position.error();
  auto largest = kNoTimestamp;
  HeaderWalker walker{segment.file(), *position, segment.end().size, ReadMode::may_wait, segment.integrity()->damage()};
  while (true) {
    const auto step = walker.next();
    if (!step) return step.error();
    if (!*step) return largest;
    if ((*step)->header.last_offset() >= from) largest = std::max(largest, (*step)->header.max_timestamp());
  }
}

}  // namespace

Result<TimestampedOffset> Log::find_timestamp(Timestamp target) const {
  const auto list = state_->segments.list();
  const auto from = log_start_offset();
  for (const auto& segment : *list) {
    if (segment->end().next_offset <= from) continue;
    const auto largest = segment->largest_timestamp();
    if (!largest) return largest.error();
    if (largest->timestamp < target) continue;
    const auto found = find_in_segment(*segment, from, target);
    if (!found) return found.error();
    if (*found) return **found;
  }
  return TimestampedOffset{};
}

Result<TimestampedOffset> Log::find_max_timestamp() const {
  const auto list = state_->segments.list();
  const auto from = log_start_offset();
  auto largest = kNoTimestamp;
  for (const auto& segment : *list) {
    if (segment->end().next_offset <= from) continue;
    const auto of_segment = largest_timestamp_from(*segment, from);
    if (!of_segment) return of_segment.error();
    largest = std::max(largest, *of_segment);
  }
  if (largest == kNoTimestamp) return TimestampedOffset{};
  return find_timestamp(largest);
}

}  // namespace sluice::storage

#include "protocol/record/record_summary.hpp"

#include <algorithm>

namespace sluice::record {
namespace {

/// Without branches that depend on the records, but for a new maximum.
void include(RecordSummary& summary, const RecordShape& shape, std::int32_t index, Timestamp base) noexcept {
  const auto timestamp = timestamp_of(base, shape.timestamp_delta);
  constexpr Timestamp kLatest{std::numeric_limits<std::int64_t>::max()};
  summary.timestamp_min = std::min(summary.timestamp_min, timestamp == kNoTimestamp ? kLatest : timestamp);
  if (timestamp > summary.timestamp_max) {
    summary.timestamp_max = timestamp;
    summary.timestamp_max_offset_delta = shape.offset_delta;
  }
  summary.has_null_key |= !shape.has_key;
  summary.offsets_are_dense &= shape.offset_delta == index;
}

}  // namespace

Result<RecordSummary> summarise(ByteView records, std::int32_t count, Timestamp base_timestamp) noexcept {
  // One cursor for all records: fields are bounded by the end of the last, and each record must end where it says.
  RecordCursor cursor{records};
  RecordSummary summary;
  for (std::int32_t index = 0; index < count; ++index) {
    if (cursor.at_end()) return make_error_code(Errc::records_missing);
    const auto length = cursor.take_varint();
    const auto rest = static_cast<std::int64_t>(cursor.rest().size());
    RecordShape shape;
    walk_fields(cursor, shape);
    const auto used = rest - static_cast<std::int64_t>(cursor.rest().size());
    if (!cursor.ok() || used != length) return make_error_code(Errc::malformed_record);
    include(summary, shape, index, base_timestamp);
  }
  if (!cursor.at_end()) return make_error_code(Errc::trailing_bytes);
  return summary;
}

Result<RecordSummary> summarise(RecordStream& stream, Timestamp base_timestamp) {
  RecordSummary summary;
  for (std::int32_t index = 0;; ++index) {
    const auto shape = stream.next_shape();
    if (!shape) return shape.error();
    if (!*shape) return summary;
    include(summary, **shape, index, base_timestamp);
  }
}

}  // namespace sluice::record

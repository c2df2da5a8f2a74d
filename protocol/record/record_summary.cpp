#include "protocol/record/record_summary.hpp"

#include <algorithm>

namespace sluice::record {
namespace {

/// Without branches that depend on the records, but for a new maximum.
inline void include(RecordSummary& summary, const RecordShape& shape, std::int32_t index, Timestamp base) noexcept {
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

/// Bytes that `quick_record` may look at before it knows anything of the record, and after its key.
constexpr std::ptrdiff_t kQuickPrefixBytes = 13;
constexpr std::ptrdiff_t kQuickLengthBytes = 3;
constexpr std::uint32_t kNullCode = 1;  // zigzag of -1

/// Takes the code of a varint of up to three bytes, all of which can be read; a longer one sets `rare`.
inline std::uint32_t quick_code(const std::byte*& at, bool& rare) noexcept {
  const auto byte = [&](int index) { return std::to_integer<std::uint32_t>(at[index]); };
  auto code = byte(0);
  if (code < 0x80) [[likely]] {
    at += 1;
    return code;
  }
  code = (code & 0x7f) | byte(1) << 7;
  if (byte(1) < 0x80) [[likely]] {
    at += 2;
    return code;
  }
  code = (code & 0x3fff) | byte(2) << 14;
  rare |= byte(2) >= 0x80;
  at += 3;
  return code;
}

/// The end of the record at `at` if it is sound and of the common kind: no long varints, no headers, some more records
/// behind it. Null says nothing: `careful_record` decides. The records' lengths alone lead from one to the next, so
/// that the processor goes ahead while the fields of this one are still checked.
inline const std::byte* quick_record(const std::byte* at, const std::byte* end, RecordShape& shape) noexcept {
  if (end - at < kQuickPrefixBytes) return nullptr;
  bool rare = false;
  const auto length_code = quick_code(at, rare);
  const auto* const record_end = at + (length_code >> 1);
  at += 1;  // attributes
  shape.timestamp_delta = zigzag_decode(quick_code(at, rare));
  shape.offset_delta = zigzag_decode(quick_code(at, rare));

  const auto key_code = quick_code(at, rare);
  shape.has_key = (key_code & 1) == 0;
  rare |= !shape.has_key && key_code != kNullCode;
  at += shape.has_key ? key_code >> 1 : 0;
  if (end - at < kQuickLengthBytes) return nullptr;

  const auto value_code = quick_code(at, rare);
  const bool has_value = (value_code & 1) == 0;
  rare |= !has_value && value_code != kNullCode;
  at += has_value ? value_code >> 1 : 0;
  if (end - at < 1) return nullptr;

  rare |= *at != std::byte{0} || at + 1 != record_end || (length_code & 1) != 0;
  return rare ? nullptr : record_end;
}

/// The end of the record at the front of `records`, whatever it looks like; null when it is malformed.
const std::byte* careful_record(ByteView records, RecordShape& shape) noexcept {
  RecordCursor cursor{records};
  const auto body = cursor.take_nullable();
  if (!body || !check_record(*body, shape)) return nullptr;
  return body->data() + body->size();
}

}  // namespace

Result<RecordSummary> summarise(ByteView records, std::int32_t count, Timestamp base_timestamp) noexcept {
  RecordSummary summary;
  const auto* at = records.data();
  const auto* const end = at + records.size();
  for (std::int32_t index = 0; index < count; ++index) {
    RecordShape shape;
    const auto* next = quick_record(at, end, shape);
    if (next == nullptr) [[unlikely]] {
      if (at == end) return make_error_code(Errc::records_missing);
      next = careful_record({at, end}, shape);
      if (next == nullptr) return make_error_code(Errc::malformed_record);
    }
    include(summary, shape, index, base_timestamp);
    at = next;
  }
  if (at != end) return make_error_code(Errc::trailing_bytes);
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

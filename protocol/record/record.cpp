#include "protocol/record/record.hpp"

#include <limits>

namespace sluice::record {

std::optional<RecordView> parse_record(ByteView body) noexcept {
  RecordCursor cursor{body};
  RecordView record;
  cursor.skip(1);  // attributes: none are defined for records
  record.timestamp_delta = cursor.take_varlong();
  record.offset_delta = cursor.take_varint();
  record.key = cursor.take_nullable();
  record.value = cursor.take_nullable();
  const auto headers = cursor.take_varint();
  record.headers = {cursor.rest(), headers};
  skip_headers(cursor, headers);
  if (!cursor.ok() || !cursor.at_end()) return std::nullopt;
  return record;
}

Result<std::optional<RecordView>> RecordWalker::next() noexcept {
  if (left_ <= 0) {
    if (!rest_.empty()) return make_error_code(Errc::trailing_bytes);
    return std::optional<RecordView>{};
  }
  if (rest_.empty()) return make_error_code(Errc::records_missing);
  RecordCursor cursor{rest_};
  const auto body = cursor.take_nullable();
  const auto record = body ? parse_record(*body) : std::nullopt;
  if (!record) return make_error_code(Errc::malformed_record);
  rest_ = cursor.rest();
  --left_;
  return record;
}

std::int32_t sequence_of(std::int32_t base_sequence, std::int32_t index) noexcept {
  if (base_sequence < 0) return base_sequence;
  constexpr std::int64_t kSequences = std::int64_t{std::numeric_limits<std::int32_t>::max()} + 1;
  return static_cast<std::int32_t>((std::int64_t{base_sequence} + index) % kSequences);
}

}  // namespace sluice::record

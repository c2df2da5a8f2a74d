#include "protocol/record/record_cursor.hpp"

namespace sluice::record::detail {

LongVarint<std::int32_t> take_long_varint(const std::byte* at, const std::byte* end) noexcept {
  ByteView rest{at, end};
  const auto code = take_varint(rest);
  if (!code) return {0, nullptr};
  return {zigzag_decode(*code), rest.data()};
}

LongVarint<std::int64_t> take_long_varlong(const std::byte* at, const std::byte* end) noexcept {
  ByteView rest{at, end};
  const auto code = take_varlong(rest);
  if (!code) return {0, nullptr};
  return {zigzag_decode(*code), rest.data()};
}

}  // namespace sluice::record::detail

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "protocol/base/bytes.hpp"
#include "protocol/base/varint.hpp"

namespace sluice::record {

namespace detail {

template <class Value>
struct LongVarint {
  Value value;
  const std::byte* next;  // null when cut short or overlong
};

/// Out of line: nearly all varints of records take one or two bytes. By value, so that cursors stay in registers.
LongVarint<std::int32_t> take_long_varint(const std::byte* at, const std::byte* end) noexcept;
LongVarint<std::int64_t> take_long_varlong(const std::byte* at, const std::byte* end) noexcept;

}  // namespace detail

/// Reads the fields of a record front to back. Sticky: after the first bad length every read yields zero or null and
/// ok() stays false, so callers read straight through and ask once.
class RecordCursor {
 public:
  explicit RecordCursor(ByteView bytes) noexcept : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  bool ok() const noexcept { return ok_; }
  bool at_end() const noexcept { return at_ == end_; }
  ByteView rest() const noexcept { return {at_, end_}; }

  std::int32_t take_varint() noexcept {
    if (is_short(0)) [[likely]]
      return zigzag_decode(take_one());
    if (end_ - at_ >= 2 && is_short(1)) [[likely]]
      return zigzag_decode(take_two());
    return take_long(detail::take_long_varint(at_, end_));
  }

  std::int64_t take_varlong() noexcept {
    if (is_short(0)) [[likely]]
      return zigzag_decode(take_one());
    return take_long(detail::take_long_varlong(at_, end_));
  }

  void skip(std::int64_t bytes) noexcept {
    if (bytes > end_ - at_) [[unlikely]]
      return fail();
    at_ += bytes;
  }

  /// Bytes behind their length, where -1 is null.
  std::optional<ByteView> take_nullable() noexcept {
    const auto length = take_varint();
    if (length < 0) {
      if (length < -1) fail();
      return std::nullopt;
    }
    const auto* from = at_;
    skip(length);
    if (!ok_) [[unlikely]]
      return std::nullopt;
    return ByteView{from, at_};
  }

  void fail() noexcept {
    ok_ = false;
    at_ = end_;
  }

 private:
  bool is_short(std::ptrdiff_t index) const noexcept {
    return at_ + index < end_ && (at_[index] & std::byte{0x80}) == std::byte{0};
  }

  std::uint32_t take_one() noexcept { return std::to_integer<std::uint32_t>(*at_++); }

  std::uint32_t take_two() noexcept {
    const auto code = (std::to_integer<std::uint32_t>(at_[0]) & 0x7f) | std::to_integer<std::uint32_t>(at_[1]) << 7;
    at_ += 2;
    return code;
  }

  template <class Value>
  Value take_long(detail::LongVarint<Value> taken) noexcept {
    if (taken.next == nullptr) {
      fail();
      return 0;
    }
    at_ = taken.next;
    return taken.value;
  }

  const std::byte* at_;
  const std::byte* end_;
  bool ok_ = true;
};

/// These walk a RecordCursor, or anything else sticky with take_varint, skip, fail and ok.

/// True if there are bytes, false for null.
template <class Cursor>
bool skip_nullable(Cursor& cursor) {
  const auto length = cursor.take_varint();
  if (length >= 0) {
    cursor.skip(length);
    return true;
  }
  if (length < -1) [[unlikely]]
    cursor.fail();
  return false;
}

/// A header is a key, never null, and a value that may be null.
template <class Cursor>
void skip_headers(Cursor& cursor, std::int32_t count) {
  if (count < 0) cursor.fail();
  for (; count > 0 && cursor.ok(); --count) {
    if (!skip_nullable(cursor)) cursor.fail();
    skip_nullable(cursor);
  }
}

}  // namespace sluice::record

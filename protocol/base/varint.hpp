#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "protocol/base/bytes.hpp"

namespace sluice {

/// Variable-length integers: seven bits a byte, low bits first, high bit set on all but the last byte.
/// `zigzag` maps small negative numbers to small codes (records); sizes on the wire are plain unsigned varints.
inline constexpr std::size_t kVarintBytesMax = 5;
inline constexpr std::size_t kVarlongBytesMax = 10;

constexpr std::uint32_t zigzag_encode(std::int32_t value) noexcept {
  return (static_cast<std::uint32_t>(value) << 1) ^ static_cast<std::uint32_t>(value >> 31);
}
constexpr std::uint64_t zigzag_encode(std::int64_t value) noexcept {
  return (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
}
constexpr std::int32_t zigzag_decode(std::uint32_t code) noexcept {
  return static_cast<std::int32_t>((code >> 1) ^ (0U - (code & 1U)));
}
constexpr std::int64_t zigzag_decode(std::uint64_t code) noexcept {
  return static_cast<std::int64_t>((code >> 1) ^ (0ULL - (code & 1ULL)));
}

constexpr std::size_t varint_size(std::uint64_t code) noexcept {
  std::size_t size = 1;
  for (; code >= 0x80; code >>= 7) ++size;
  return size;
}

/// Writes at `to` (room for varint_size(code) bytes) and returns the byte after.
inline std::byte* write_varint(std::byte* to, std::uint64_t code) noexcept {
  for (; code >= 0x80; code >>= 7) *to++ = static_cast<std::byte>(code | 0x80);
  *to++ = static_cast<std::byte>(code);
  return to;
}

namespace detail {

template <class Code, std::size_t kBytesMax>
std::optional<Code> take_varint(ByteView& from) noexcept {
  Code code = 0;
  for (std::size_t i = 0; i < kBytesMax && i < from.size(); ++i) {
    const auto byte = static_cast<std::uint8_t>(from[i]);
    const unsigned shift = 7 * static_cast<unsigned>(i);
    if (i + 1 == kBytesMax && (byte >> (8 * sizeof(Code) - shift)) != 0) return std::nullopt;  // more bits than fit
    code |= static_cast<Code>(byte & 0x7f) << shift;
    if (byte < 0x80) {
      from = from.subspan(i + 1);
      return code;
    }
  }
  return std::nullopt;
}

}  // namespace detail

/// Takes one off the front of `from`; nullopt, and `from` unchanged, when it is cut short or overlong.
inline std::optional<std::uint32_t> take_varint(ByteView& from) noexcept {
  return detail::take_varint<std::uint32_t, kVarintBytesMax>(from);
}
inline std::optional<std::uint64_t> take_varlong(ByteView& from) noexcept {
  return detail::take_varint<std::uint64_t, kVarlongBytesMax>(from);
}

}  // namespace sluice

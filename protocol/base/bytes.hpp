#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace sluice {

using ByteView = std::span<const std::byte>;
using MutableBytes = std::span<std::byte>;

/// Big-endian integer at `from`, which need not be aligned. Everything in Kafka's formats is big endian.
template <std::integral T>
T load_be(const std::byte* from) noexcept {
  using Bits = std::make_unsigned_t<T>;
  Bits bits;
  std::memcpy(&bits, from, sizeof bits);
  if constexpr (std::endian::native == std::endian::little) {
    if constexpr (sizeof(T) == 8) bits = __builtin_bswap64(bits);
    if constexpr (sizeof(T) == 4) bits = __builtin_bswap32(bits);
    if constexpr (sizeof(T) == 2) bits = __builtin_bswap16(bits);
  }
  return static_cast<T>(bits);
}

template <std::integral T>
void store_be(std::byte* to, T value) noexcept {
  auto bits = static_cast<std::make_unsigned_t<T>>(value);
  if constexpr (std::endian::native == std::endian::little) {
    if constexpr (sizeof(T) == 8) bits = __builtin_bswap64(bits);
    if constexpr (sizeof(T) == 4) bits = __builtin_bswap32(bits);
    if constexpr (sizeof(T) == 2) bits = __builtin_bswap16(bits);
  }
  std::memcpy(to, &bits, sizeof bits);
}

inline ByteView as_byte_view(std::string_view text) noexcept { return std::as_bytes(std::span{text}); }

inline std::string_view as_text(ByteView bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace sluice

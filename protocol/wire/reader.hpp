#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "protocol/base/bytes.hpp"
#include "protocol/base/uuid.hpp"
#include "protocol/wire/records.hpp"

namespace sluice::wire {

/// Takes Kafka's wire types off the front of untrusted bytes.
///
/// Sticky: after the first impossible length every read yields zero or empty, `ok()` stays false and nothing remains,
/// so that decoders are straight lines which check once at the end. Lengths are compared with the remaining bytes
/// before anything is allocated. Strings are bytes: their encoding is not checked.
class Reader {
 public:
  explicit Reader(MutableBytes bytes) noexcept : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}
  /// For callers that never change records in place: the views that `records` hands out look mutable and are not.
  explicit Reader(ByteView bytes) noexcept : Reader(MutableBytes{const_cast<std::byte*>(bytes.data()), bytes.size()}) {}

  bool ok() const noexcept { return ok_; }
  std::size_t remaining() const noexcept { return static_cast<std::size_t>(end_ - at_); }
  void fail() noexcept {
    ok_ = false;
    at_ = end_;
  }

  std::int8_t int8() noexcept { return fixed<std::int8_t>(); }
  std::int16_t int16() noexcept { return fixed<std::int16_t>(); }
  std::int32_t int32() noexcept { return fixed<std::int32_t>(); }
  std::int64_t int64() noexcept { return fixed<std::int64_t>(); }
  std::uint16_t uint16() noexcept { return fixed<std::uint16_t>(); }
  std::uint32_t uint32() noexcept { return fixed<std::uint32_t>(); }
  /// Any byte but zero is true, as in Kafka.
  bool boolean() noexcept { return fixed<std::int8_t>() != 0; }
  double float64() noexcept;
  Uuid uuid() noexcept;
  std::uint32_t varint() noexcept;
  MutableBytes raw(std::size_t size) noexcept;

  /// Null fails these three.
  std::string string(bool flexible);
  std::vector<std::byte> bytes(bool flexible);
  Records records(bool flexible) noexcept;

  std::optional<std::string> nullable_string(bool flexible);
  std::optional<std::vector<std::byte>> nullable_bytes(bool flexible);
  Records nullable_records(bool flexible) noexcept;

  /// The count of an array whose elements take at least `element_size_min` (> 0) bytes each: never more than could be
  /// there. Null fails.
  std::size_t array_length(bool flexible, std::size_t element_size_min) noexcept;
  std::optional<std::size_t> nullable_array_length(bool flexible, std::size_t element_size_min) noexcept;
  /// The marker in front of a nullable struct that is not tagged (there it is a varint): whether the struct follows.
  bool present() noexcept;

  /// Narrows the reader to the next `size` bytes until `leave`, which fails unless all of them were taken.
  std::byte* enter(std::size_t size) noexcept;
  void leave(std::byte* outer_end) noexcept;

 private:
  template <class T>
  T fixed() noexcept {
    if (remaining() < sizeof(T)) [[unlikely]] {
      fail();
      return {};
    }
    const T value = load_be<T>(at_);
    at_ += sizeof(T);
    return value;
  }
  std::optional<std::size_t> length(bool flexible) noexcept;         // of bytes and arrays; nullopt is null
  std::optional<std::size_t> string_length(bool flexible) noexcept;  // nullopt is null
  std::size_t not_null(std::optional<std::size_t> length) noexcept;

  std::byte* at_;
  std::byte* end_;
  bool ok_ = true;
};

/// Room for `count` elements that are about to be decoded, as far as the bytes that are there justify it: an element
/// may be far larger in memory than on the wire, so the rest of the room grows with the elements that really arrive.
template <class T>
void reserve_for(std::vector<T>& elements, std::size_t count, const Reader& in) {
  constexpr std::size_t kFreely = 16;
  elements.reserve(std::min(count, in.remaining() / sizeof(T) + kFreely));
}

}  // namespace sluice::wire

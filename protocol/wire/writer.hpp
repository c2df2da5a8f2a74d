#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/bytes.hpp"
#include "protocol/base/uuid.hpp"
#include "protocol/wire/records.hpp"

namespace sluice::wire {

/// `size` bytes that belong at offset `at` of the writer's own bytes, and are sent from elsewhere.
struct Splice {
  std::size_t at = 0;
  std::uint32_t size = 0;

  bool operator==(const Splice&) const = default;
};

/// Appends Kafka's wire types to one contiguous, growing buffer, which `clear` keeps for the next message.
///
/// `flexible` chooses between the encodings of KIP-482 (length + 1 as an unsigned varint, 0 for null) and the older
/// ones (a big-endian length, -1 for null). Lengths that the encoding cannot carry are assertions.
class Writer {
 public:
  void int8(std::int8_t value) { fixed(value); }
  void int16(std::int16_t value) { fixed(value); }
  void int32(std::int32_t value) { fixed(value); }
  void int64(std::int64_t value) { fixed(value); }
  void uint16(std::uint16_t value) { fixed(value); }
  void uint32(std::uint32_t value) { fixed(value); }
  void boolean(bool value) { fixed(static_cast<std::int8_t>(value)); }
  void float64(double value);
  void uuid(const Uuid& value);
  void varint(std::uint32_t value);
  void raw(ByteView bytes);

  void string(std::string_view text, bool flexible);
  void nullable_string(const std::optional<std::string>& text, bool flexible);
  void bytes(ByteView bytes, bool flexible);
  void nullable_bytes(const std::optional<std::vector<std::byte>>& bytes, bool flexible);
  void records(const Records& records, bool flexible);
  void array_length(std::size_t count, bool flexible);
  void null_array(bool flexible);

  std::size_t size() const noexcept { return used_; }
  ByteView bytes() const noexcept { return {buffer_.data(), used_}; }
  MutableBytes mutable_bytes() noexcept { return {buffer_.data(), used_}; }
  /// In order of `at`. A frame on the wire has size() + the sum of the splices' sizes.
  std::span<const Splice> splices() const noexcept { return splices_; }
  std::size_t spliced_size() const noexcept;

  void reserve(std::size_t more);
  void clear() noexcept;
  /// Hands the bytes over and leaves the writer empty.
  std::vector<std::byte> take();

 private:
  template <class T>
  void fixed(T value) {
    store_be(extend(sizeof value), value);
  }
  std::byte* extend(std::size_t size) {
    if (buffer_.size() - used_ < size) [[unlikely]]
      reserve(size);
    std::byte* at = buffer_.data() + used_;
    used_ += size;
    return at;
  }
  void length(std::size_t size, bool flexible);

  std::vector<std::byte> buffer_;  // its size is the capacity in use: bytes past used_ are scratch
  std::size_t used_ = 0;           // <= buffer_.size()
  std::vector<Splice> splices_;
};

}  // namespace sluice::wire

#pragma once

#include <algorithm>
#include <cstdint>

#include "protocol/base/assert.hpp"
#include "protocol/base/bytes.hpp"

namespace sluice::wire {

/// Record batches inside a message, never owned and never copied by the codec. One of
///  - null;
///  - a view: bytes inside the buffer that was decoded, which the broker may change in place (offsets, epochs), or any
///    bytes to be encoded; they must outlive the message;
///  - spliced (encoding only): a length whose bytes the sender supplies out of line, right after those written so far.
class Records {
 public:
  constexpr Records() noexcept = default;

  static constexpr Records null() noexcept { return {}; }
  static constexpr Records view(MutableBytes bytes) noexcept { return {Kind::view, bytes, bytes.size()}; }
  static constexpr Records spliced(std::uint32_t size) noexcept { return {Kind::spliced, {}, size}; }

  constexpr bool is_null() const noexcept { return kind_ == Kind::null; }
  constexpr bool is_spliced() const noexcept { return kind_ == Kind::spliced; }
  constexpr std::size_t size() const noexcept { return size_; }

  /// Empty when null. Pre: not spliced.
  MutableBytes bytes() const {
    SLUICE_ASSERT(!is_spliced(), size_);
    return bytes_;
  }

  /// Same kind and same bytes; two splices are equal when their sizes are.
  friend bool operator==(const Records& left, const Records& right) noexcept {
    return left.kind_ == right.kind_ && left.size_ == right.size_ &&
           std::equal(left.bytes_.begin(), left.bytes_.end(), right.bytes_.begin(), right.bytes_.end());
  }

 private:
  enum class Kind : std::uint8_t { null, view, spliced };
  constexpr Records(Kind kind, MutableBytes bytes, std::size_t size) noexcept
      : kind_(kind), bytes_(bytes), size_(size) {}

  Kind kind_ = Kind::null;
  MutableBytes bytes_;
  std::size_t size_ = 0;
};

}  // namespace sluice::wire

#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/bytes.hpp"
#include "protocol/base/varint.hpp"
#include "protocol/wire/records.hpp"

/// What Writer's variable-size types take on the wire.
namespace sluice::wire {

/// The length of bytes, records or an array in front of it; null takes as much as empty does.
inline std::size_t length_size(std::size_t length, bool flexible) noexcept {
  return flexible ? varint_size(length + 1) : 4;
}
inline std::size_t null_length_size(bool flexible) noexcept { return flexible ? 1 : 4; }

inline std::size_t string_size(std::string_view text, bool flexible) noexcept {
  return text.size() + (flexible ? varint_size(text.size() + 1) : 2);
}
inline std::size_t nullable_string_size(const std::optional<std::string>& text, bool flexible) noexcept {
  return string_size(text ? std::string_view{*text} : std::string_view{}, flexible);
}

inline std::size_t bytes_size(ByteView bytes, bool flexible) noexcept {
  return bytes.size() + length_size(bytes.size(), flexible);
}
inline std::size_t nullable_bytes_size(const std::optional<std::vector<std::byte>>& bytes, bool flexible) noexcept {
  return bytes_size(bytes ? ByteView{*bytes} : ByteView{}, flexible);
}

/// Counts spliced bytes too.
inline std::size_t records_size(const Records& records, bool flexible) noexcept {
  return records.size() + length_size(records.size(), flexible);
}

}  // namespace sluice::wire

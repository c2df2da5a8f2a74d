#pragma once

#include <cstddef>
#include <string_view>

namespace sluice {

/// The first `max` bytes of a text, or up to three less so as to end with a whole character of UTF-8: as much of it as
/// a message about it may repeat. A string of a client may be 32767 bytes long, and so may what is told to it: a text
/// that quotes such a string whole is more than the protocol can carry.
constexpr std::string_view clipped(std::string_view text, std::size_t max = 200) noexcept {
  if (text.size() <= max) return text;
  auto size = max;
  const auto is_inside = [&](std::size_t at) { return (static_cast<unsigned char>(text[at]) & 0xc0U) == 0x80U; };
  while (size > 0 && max - size < 3 && is_inside(size)) --size;
  return text.substr(0, size);
}

}  // namespace sluice

#include "broker/group/group_partition.hpp"

namespace sluice::broker::group {
namespace {

constexpr std::uint32_t kReplacement = 0xfffd;

/// Takes one code point off the front of `text`.
std::uint32_t take_code_point(std::string_view& text) noexcept {
  const auto byte = [&](std::size_t at) { return static_cast<std::uint32_t>(static_cast<unsigned char>(text[at])); };
  const auto lead = byte(0);
  const std::size_t length = lead < 0x80 ? 1 : lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 0;
  std::uint32_t code = length == 1 ? lead : lead & (0x7fU >> length);
  bool sound = length > 0 && lead < 0xf8 && length <= text.size();
  for (std::size_t i = 1; sound && i < length; ++i) {
    sound = (byte(i) & 0xc0) == 0x80;
    code = (code << 6) | (byte(i) & 0x3f);
  }
  text.remove_prefix(sound ? length : 1);
  return sound ? code : kReplacement;
}

}  // namespace

std::int32_t java_hash(std::string_view utf8) noexcept {
  std::uint32_t hash = 0;
  while (!utf8.empty()) {
    const auto code = take_code_point(utf8);
    if (code >= 0x10000) {
      hash = 31 * hash + (0xd800 + ((code - 0x10000) >> 10));
      hash = 31 * hash + (0xdc00 + ((code - 0x10000) & 0x3ff));
    } else {
      hash = 31 * hash + code;
    }
  }
  return static_cast<std::int32_t>(hash);
}

PartitionId partition_of_group(std::string_view group, std::int32_t partition_count) noexcept {
  return PartitionId{(java_hash(group) & 0x7fffffff) % partition_count};
}

}  // namespace sluice::broker::group

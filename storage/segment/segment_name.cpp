#include "storage/segment/segment_name.hpp"

#include <charconv>
#include <fmt/format.h>

#include "storage/fs/file_system.hpp"

namespace sluice::storage {
namespace {

constexpr std::size_t kDigits = 20;

}  // namespace

std::string segment_path(std::string_view directory, Offset base_offset, std::string_view suffix) {
  return join_path(directory, fmt::format("{:020}{}", base_offset.value(), suffix));
}

std::optional<Offset> parse_segment_name(std::string_view name, std::string_view suffix) {
  if (name.size() != kDigits + suffix.size() || !name.ends_with(suffix)) return std::nullopt;
  std::int64_t offset = 0;
  const auto* end = name.data() + kDigits;
  const auto parsed = std::from_chars(name.data(), end, offset);
  if (parsed.ec != std::errc{} || parsed.ptr != end || offset < 0) return std::nullopt;
  return Offset{offset};
}

}  // namespace sluice::storage

#pragma once

#include <charconv>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "protocol/base/result.hpp"
#include "storage/fs/file_system.hpp"

namespace sluice::storage {

/// Kafka's text checkpoints: a line with the version, 0; a line with the count of entries; a line for each entry.
/// Written whole and atomically.
inline constexpr std::size_t kCheckpointEntriesMax = 10'000'000;  // far above the partitions of a broker

/// The entries' lines. An empty file has none: Kafka makes checkpoints empty and fills them later.
/// Errors: Errc::corrupt_checkpoint unless the text is exactly that; the file system's.
Result<std::vector<std::string>> read_checkpoint(FileSystem& fs, const std::string& path);
Result<std::vector<std::string>> parse_checkpoint(std::string_view text);

/// Pre: no line contains a line feed.
Result<> write_checkpoint(FileSystem& fs, const std::string& path, const std::vector<std::string>& lines);
std::string format_checkpoint(const std::vector<std::string>& lines);

/// The fields of a line, which single spaces separate; nullopt unless there are `count`, none of them empty.
std::optional<std::vector<std::string_view>> split_fields(std::string_view line, std::size_t count);

/// A decimal number and nothing else; nullopt if it does not fit.
template <class Integer>
std::optional<Integer> parse_decimal(std::string_view text) {
  Integer value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace sluice::storage

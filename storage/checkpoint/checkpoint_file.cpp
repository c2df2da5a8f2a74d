#include "storage/checkpoint/checkpoint_file.hpp"

#include <algorithm>
#include <fmt/format.h>

#include "protocol/base/assert.hpp"
#include "storage/errc.hpp"

namespace sluice::storage {
namespace {

constexpr std::string_view kVersion = "0";

/// Takes a line off the front of `text`, which the last line may end without a line feed; nullopt at the end.
std::optional<std::string_view> take_line(std::string_view& text) {
  if (text.empty()) return std::nullopt;
  const auto end = std::min(text.find('\n'), text.size());
  const auto line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

}  // namespace

Result<std::vector<std::string>> parse_checkpoint(std::string_view text) {
  std::vector<std::string> lines;
  if (text.empty()) return lines;
  const auto version = take_line(text);
  if (version != kVersion) return Errc::corrupt_checkpoint;
  const auto count_line = take_line(text);
  const auto count = count_line ? parse_decimal<std::size_t>(*count_line) : std::nullopt;
  // Every entry takes at least its line feed, the last one a character.
  if (!count || *count > kCheckpointEntriesMax || *count > text.size()) return Errc::corrupt_checkpoint;
  lines.reserve(*count);
  while (const auto line = take_line(text)) {
    if (lines.size() == *count) return Errc::corrupt_checkpoint;
    lines.emplace_back(*line);
  }
  if (lines.size() != *count) return Errc::corrupt_checkpoint;
  return lines;
}

std::string format_checkpoint(const std::vector<std::string>& lines) {
  auto text = fmt::format("{}\n{}\n", kVersion, lines.size());
  for (const auto& line : lines) {
    SLUICE_ASSERT(line.find('\n') == std::string::npos, line);
    text.append(line).push_back('\n');
  }
  return text;
}

Result<std::vector<std::string>> read_checkpoint(FileSystem& fs, const std::string& path) {
  const auto text = read_file(fs, path);
  if (!text) return text.error();
  return parse_checkpoint(*text);
}

Result<> write_checkpoint(FileSystem& fs, const std::string& path, const std::vector<std::string>& lines) {
  return write_file_atomically(fs, path, format_checkpoint(lines));
}

std::optional<std::vector<std::string_view>> split_fields(std::string_view line, std::size_t count) {
  std::vector<std::string_view> fields;
  for (;;) {
    const auto end = std::min(line.find(' '), line.size());
    if (end == 0 || fields.size() == count) return std::nullopt;
    fields.push_back(line.substr(0, end));
    if (end == line.size()) break;
    line.remove_prefix(end + 1);
  }
  if (fields.size() != count) return std::nullopt;
  return fields;
}

}  // namespace sluice::storage

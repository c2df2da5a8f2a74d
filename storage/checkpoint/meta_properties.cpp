#include "storage/checkpoint/meta_properties.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <fmt/format.h>
#include <optional>
#include <utility>

#include "storage/checkpoint/checkpoint_file.hpp"
#include "storage/errc.hpp"

namespace sluice::storage {
namespace {

using Properties = std::map<std::string, std::string, std::less<>>;

constexpr std::string_view kBlanks = " \t\f";
constexpr std::string_view kBlanksAndLineEnds = " \t\f\r\n";

std::string_view skip(std::string_view text, std::string_view characters) {
  return text.substr(std::min(text.find_first_not_of(characters), text.size()));
}

/// Takes a logical line: an odd number of backslashes before a line end continues it, less the next one's blanks.
std::string take_logical_line(std::string_view& text) {
  std::string line;
  for (;;) {
    const auto end = std::min(text.find_first_of("\r\n"), text.size());
    line += text.substr(0, end);
    const bool has_line_end = end < text.size();
    const bool is_pair = text.substr(end).starts_with("\r\n");
    text.remove_prefix(end + (is_pair ? 2 : has_line_end ? 1 : 0));
    const auto last = line.find_last_not_of('\\');
    const auto backslashes = line.size() - (last == std::string::npos ? 0 : last + 1);
    if (backslashes % 2 == 0) return line;
    line.pop_back();
    if (!has_line_end || text.empty()) return line;
    text = skip(text, kBlanks);
  }
}

/// Where the key ends: at the first separator that no backslash precedes.
std::size_t key_end(std::string_view line) {
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\\') {
      ++i;
    } else if (line[i] == '=' || line[i] == ':' || kBlanks.find(line[i]) != std::string_view::npos) {
      return i;
    }
  }
  return line.size();
}

void append_utf8(std::string& out, std::uint32_t code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xc0 | code >> 6);
    out += static_cast<char>(0x80 | (code & 0x3f));
  } else {
    out += static_cast<char>(0xe0 | code >> 12);
    out += static_cast<char>(0x80 | (code >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (code & 0x3f));
  }
}

std::optional<std::string> unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    switch (const char escaped = text[++i]) {
      case 't': out += '\t'; break;
      case 'n': out += '\n'; break;
      case 'r': out += '\r'; break;
      case 'f': out += '\f'; break;
      case 'u': {
        const auto digits = text.substr(i + 1, 4);
        std::uint16_t code = 0;
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), code, 16);
        if (digits.size() != 4 || error != std::errc{} || end != digits.data() + 4) return std::nullopt;
        append_utf8(out, code);
        i += 4;
        break;
      }
      default: out += escaped;
    }
  }
  return out;
}

std::string_view find_or_empty(const Properties& properties, std::string_view key) {
  const auto found = properties.find(key);
  return found == properties.end() ? std::string_view{} : found->second;
}

}  // namespace

Result<Properties> parse_properties(std::string_view text) {
  Properties properties;
  while (!(text = skip(text, kBlanksAndLineEnds)).empty()) {
    if (text.front() == '#' || text.front() == '!') {
      text.remove_prefix(std::min(text.find_first_of("\r\n"), text.size()));
      continue;
    }
    const auto line = take_logical_line(text);
    const auto end = key_end(line);
    auto rest = skip(std::string_view{line}.substr(end), kBlanks);
    if (rest.starts_with('=') || rest.starts_with(':')) rest = skip(rest.substr(1), kBlanks);
    auto key = unescape(std::string_view{line}.substr(0, end));
    auto value = unescape(rest);
    if (!key || !value) return Errc::corrupt_checkpoint;
    properties.insert_or_assign(std::move(*key), std::move(*value));
  }
  return properties;
}

std::string escape_property_value(std::string_view value) {
  std::string out;
  for (const char c : value) {
    switch (c) {
      case '\t': out += "\\t"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\f': out += "\\f"; break;
      case ' ': out += out.empty() ? "\\ " : " "; break;  // only leading blanks would be skipped
      case '\\':
      case '=':
      case ':':
      case '#':
      case '!': out += '\\'; [[fallthrough]];
      default: out += c;
    }
  }
  return out;
}

Result<MetaProperties> read_meta_properties(FileSystem& fs, const std::string& path) {
  const auto text = read_file(fs, path);
  if (!text) return text.error();
  const auto properties = parse_properties(*text);
  if (!properties) return properties.error();
  if (find_or_empty(*properties, "version") != "1") return Errc::corrupt_checkpoint;
  const auto cluster_id = find_or_empty(*properties, "cluster.id");
  const auto node_id = parse_decimal<std::int32_t>(find_or_empty(*properties, "node.id"));
  if (!node_id || *node_id < 0) return Errc::corrupt_checkpoint;
  if (cluster_id.empty()) {  // of a node that knows no cluster's id yet, the line is missing, and the disk has its own
    const bool is_ours = properties->find("cluster.id") == properties->end();
    if (!is_ours || find_or_empty(*properties, "directory.id").empty()) return Errc::corrupt_checkpoint;
  }
  MetaProperties meta{.cluster_id = std::string{cluster_id}, .node_id = BrokerId{*node_id}, .directory_id = {}};
  if (const auto directory_id = find_or_empty(*properties, "directory.id"); !directory_id.empty()) {
    const auto parsed = Uuid::parse(directory_id);
    if (!parsed) return Errc::corrupt_checkpoint;
    meta.directory_id = *parsed;
  }
  return meta;
}

Result<> write_meta_properties(FileSystem& fs, const std::string& path, const MetaProperties& meta) {
  // Kafka's comment is the date; ours is constant, so that formatting twice gives the same bytes.
  std::string text = "#\nversion=1\n";
  if (!meta.cluster_id.empty()) text += fmt::format("cluster.id={}\n", escape_property_value(meta.cluster_id));
  text += fmt::format("node.id={}\n", meta.node_id.value());
  if (!meta.directory_id.is_zero()) text += fmt::format("directory.id={}\n", meta.directory_id.to_string());
  return write_file_atomically(fs, path, text);
}

}  // namespace sluice::storage

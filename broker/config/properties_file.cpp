#include "broker/config/properties_file.hpp"

#include <charconv>
#include <cstdint>
#include <optional>
#include <utility>

namespace sluice::broker::config {
namespace {

constexpr std::string_view kBlank = " \t\f";

std::string_view skip_blank(std::string_view text) {
  const auto first = text.find_first_not_of(kBlank);
  return first == std::string_view::npos ? std::string_view{} : text.substr(first);
}

/// Takes the first line off `text`, whichever of LF, CR and CRLF ends it.
std::string_view take_line(std::string_view& text) {
  const auto end = text.find_first_of("\r\n");
  const auto line = text.substr(0, end);
  if (end == std::string_view::npos) {
    text = {};
  } else {
    text.remove_prefix(end + (text.substr(end).starts_with("\r\n") ? 2 : 1));
  }
  return line;
}

/// An odd number of backslashes at the end: the last one is not itself escaped.
bool continues(std::string_view line) {
  const auto last = line.find_last_not_of('\\');
  const auto backslashes = line.size() - (last == std::string_view::npos ? 0 : last + 1);
  return backslashes % 2 == 1;
}

void append_utf8(std::string& out, std::uint32_t code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0 | (code >> 6));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0 | (code >> 12));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | (code >> 18));
    out += static_cast<char>(0x80 | ((code >> 12) & 0x3F));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  }
}

/// The four hex digits at the start of `text`.
std::optional<std::uint32_t> parse_unit(std::string_view text) {
  if (text.size() < 4) return std::nullopt;
  std::uint32_t unit = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + 4, unit, 16);
  if (error != std::errc{} || end != text.data() + 4) return std::nullopt;
  return unit;
}

/// \uXXXX at the start of `text` (past the `u`), or a pair of them that makes one character; takes it off.
std::optional<std::uint32_t> take_code(std::string_view& text) {
  const auto high = parse_unit(text);
  if (!high) return std::nullopt;
  text.remove_prefix(4);
  if (*high < 0xD800 || *high > 0xDFFF) return high;
  if (*high > 0xDBFF || !text.starts_with("\\u")) return std::nullopt;  // half of a pair is no character
  const auto low = parse_unit(text.substr(2));
  if (!low || *low < 0xDC00 || *low > 0xDFFF) return std::nullopt;
  text.remove_prefix(6);
  return 0x10000 + ((*high - 0xD800) << 10) + (*low - 0xDC00);
}

char unescaped(char c) {
  switch (c) {
    case 't': return '\t';
    case 'n': return '\n';
    case 'r': return '\r';
    case 'f': return '\f';
    default: return c;
  }
}

/// nullopt: a \u without four hex digits.
std::optional<std::string> unescape(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const char c = text.front();
    text.remove_prefix(1);
    if (c != '\\' || text.empty()) {
      if (c != '\\') out += c;
      continue;
    }
    const char escaped = text.front();
    text.remove_prefix(1);
    if (escaped != 'u') {
      out += unescaped(escaped);
      continue;
    }
    const auto code = take_code(text);
    if (!code) return std::nullopt;
    append_utf8(out, *code);
  }
  return out;
}

/// Where the name ends: the first separator that is not escaped.
std::size_t name_length(std::string_view line) {
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\\') {
      ++i;
    } else if (line[i] == '=' || line[i] == ':' || kBlank.find(line[i]) != std::string_view::npos) {
      return i;
    }
  }
  return line.size();
}

void add_property(ParsedProperties& parsed, std::string_view line, int number) {
  const auto length = name_length(line);
  auto rest = skip_blank(line.substr(length));
  if (rest.starts_with('=') || rest.starts_with(':')) rest = skip_blank(rest.substr(1));
  auto name = unescape(line.substr(0, length));
  auto value = unescape(rest);
  if (name && value) {
    parsed.properties.push_back({std::move(*name), std::move(*value), number});
  } else {
    parsed.malformed.push_back({{}, "\\u must be followed by the four hex digits of a character", number});
  }
}

}  // namespace

ParsedProperties parse_properties(std::string_view text) {
  ParsedProperties parsed;
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);  // some editors mark UTF-8
  int number = 0;
  while (!text.empty()) {
    ++number;
    const int first = number;
    const auto line = skip_blank(take_line(text));
    if (line.empty() || line.front() == '#' || line.front() == '!') continue;
    std::string logical{line};
    while (continues(logical)) {
      logical.pop_back();
      if (text.empty()) break;
      ++number;
      logical += skip_blank(take_line(text));
    }
    add_property(parsed, logical, first);
  }
  return parsed;
}

}  // namespace sluice::broker::config

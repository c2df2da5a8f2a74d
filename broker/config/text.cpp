#include "broker/config/text.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <numeric>
#include <utility>

namespace sluice::broker::config {
namespace {

constexpr std::string_view kBlank = " \t\r\n\f";

/// Edits (insert, delete, replace, swap of neighbours) from one text to the other: typing mistakes are these.
std::size_t edit_distance(std::string_view from, std::string_view to) {
  std::vector<std::size_t> before(to.size() + 1), last(to.size() + 1), now(to.size() + 1);
  std::iota(last.begin(), last.end(), std::size_t{0});
  for (std::size_t i = 1; i <= from.size(); ++i) {
    now[0] = i;
    for (std::size_t j = 1; j <= to.size(); ++j) {
      const std::size_t replaced = last[j - 1] + (from[i - 1] == to[j - 1] ? 0 : 1);
      now[j] = std::min({last[j] + 1, now[j - 1] + 1, replaced});
      if (i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1]) {
        now[j] = std::min(now[j], before[j - 2] + 1);
      }
    }
    std::swap(before, last);
    std::swap(last, now);
  }
  return last[to.size()];
}

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  text = trim(text);
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

std::string to_lower(std::string_view text) {
  std::string result{text};
  std::ranges::transform(result, result.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

std::string to_upper(std::string_view text) {
  std::string result{text};
  std::ranges::transform(result, result.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return result;
}

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> members;
  while (!text.empty()) {
    const auto comma = text.find(',');
    const auto member = trim(text.substr(0, comma));
    if (!member.empty()) members.emplace_back(member);
    text = comma == std::string_view::npos ? std::string_view{} : text.substr(comma + 1);
  }
  return members;
}

std::string join_list(const std::vector<std::string>& members) {
  std::string list;
  for (const auto& member : members) {
    if (!list.empty()) list += ',';
    list += member;
  }
  return list;
}

std::optional<bool> parse_boolean(std::string_view text) {
  const auto word = to_lower(trim(text));
  if (word == "true") return true;
  if (word == "false") return false;
  return std::nullopt;
}

std::optional<std::int64_t> parse_integer(std::string_view text) { return parse_number<std::int64_t>(text); }

std::optional<double> parse_double(std::string_view text) { return parse_number<double>(text); }

std::optional<std::int64_t> parse_bytes(std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, std::int64_t>, 6> kSuffixes{
      {{"kib", 1LL << 10}, {"mib", 1LL << 20}, {"gib", 1LL << 30}, {"kb", 1000}, {"mb", 1000000}, {"gb", 1000000000}}};
  const auto lower = to_lower(trim(text));
  for (const auto& [suffix, unit] : kSuffixes) {
    if (!lower.ends_with(suffix)) continue;
    const auto count = parse_integer(std::string_view{lower}.substr(0, lower.size() - suffix.size()));
    std::int64_t bytes = 0;
    if (!count || __builtin_mul_overflow(*count, unit, &bytes)) return std::nullopt;
    return bytes;
  }
  return parse_integer(lower);
}

std::string_view nearest_name(std::string_view name, const std::vector<std::string_view>& names) {
  std::string_view nearest;
  std::size_t distance_min = std::max<std::size_t>(2, name.size() / 4) + 1;  // further away is another word
  const auto lower = to_lower(name);
  for (const auto candidate : names) {
    const auto distance = edit_distance(lower, candidate);
    if (distance < distance_min) {
      distance_min = distance;
      nearest = candidate;
    }
  }
  return nearest;
}

}  // namespace sluice::broker::config

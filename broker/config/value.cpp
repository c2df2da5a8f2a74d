#include "broker/config/value.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <limits>
#include <utility>
#include <vector>

#include "broker/config/text.hpp"

namespace sluice::broker::config {
namespace {

bool is_integer(ConfigType type) {
  return type == ConfigType::int16 || type == ConfigType::int32 || type == ConfigType::int64;
}

template <class Int>
constexpr std::pair<std::int64_t, std::int64_t> kLimitsOf{std::numeric_limits<Int>::min(),
                                                          std::numeric_limits<Int>::max()};

std::pair<std::int64_t, std::int64_t> limits_of(ConfigType type) {
  if (type == ConfigType::int16) return kLimitsOf<std::int16_t>;
  if (type == ConfigType::int32) return kLimitsOf<std::int32_t>;
  return kLimitsOf<std::int64_t>;
}

/// The row's range within the type's.
std::pair<std::int64_t, std::int64_t> range_of(const Definition& definition) {
  const auto [low, high] = limits_of(definition.type);
  return {std::max(low, definition.min), std::min(high, definition.max)};
}

std::string between(std::int64_t low, std::int64_t high) {
  const auto [lowest, highest] = limits_of(ConfigType::int64);
  if (high == highest) return low == lowest ? "a whole number below 2^63" : fmt::format("at least {}", low);
  return fmt::format("between {} and {}", low, high);
}

bool has_range(const Definition& definition) {
  return definition.min != std::numeric_limits<std::int64_t>::min() ||
         definition.max != std::numeric_limits<std::int64_t>::max();
}

std::optional<std::string> complaint_about_number(const Definition& definition, std::string_view value) {
  if (definition.type == ConfigType::float64) {
    const auto number = parse_double(value);
    // Negated, so that NaN is outside of every range.
    const bool inside = number && *number >= static_cast<double>(definition.min) &&
                        (*number <= static_cast<double>(definition.max) || !has_range(definition));
    if (inside) return std::nullopt;
    return has_range(definition) ? fmt::format("must be a number between {} and {}", definition.min, definition.max)
                                 : "must be a number";
  }
  const auto [low, high] = range_of(definition);
  const auto number = integer_of(definition, value);
  if (number && *number >= low && *number <= high) return std::nullopt;
  return fmt::format("must be {}{}", between(low, high), number ? "" : ", in digits");
}

std::optional<std::string> complaint_about_members(const Definition& definition, std::string_view value) {
  if (definition.allowed.empty()) return std::nullopt;
  const auto allowed = split_list(definition.allowed);
  const auto is_allowed = [&](const std::string& word) { return std::ranges::count(allowed, word) > 0; };
  const bool right = definition.type == ConfigType::list ? std::ranges::all_of(split_list(value), is_allowed)
                                                         : is_allowed(std::string{trim(value)});
  if (right) return std::nullopt;
  return "must be " + range_text(definition);
}

}  // namespace

std::optional<std::int64_t> integer_of(const Definition& definition, std::string_view value) {
  return definition.byte_suffix ? parse_bytes(value) : parse_integer(value);
}

std::string range_text(const Definition& definition) {
  if (!definition.allowed.empty()) {
    const auto words = fmt::format("{}", fmt::join(split_list(definition.allowed), ", "));
    return (definition.type == ConfigType::list ? "a list of: " : "one of: ") + words;
  }
  if (!has_range(definition)) return {};
  if (definition.type == ConfigType::float64) return fmt::format("between {} and {}", definition.min, definition.max);
  const auto [low, high] = range_of(definition);
  return between(low, high);
}

std::optional<std::string> complaint_about(const Definition& definition, std::string_view value) {
  std::optional<std::string> complaint;
  if (definition.type == ConfigType::boolean) {
    complaint = complaint_about_type(definition.type, value);
  } else if (is_integer(definition.type) || definition.type == ConfigType::float64) {
    complaint = complaint_about_number(definition, value);
  } else {
    complaint = complaint_about_members(definition, value);
  }
  if (!complaint && definition.validator != nullptr) {
    if (const char* rule = definition.validator(trim(value)); rule != nullptr)
      complaint = fmt::format("must be {}", rule);
  }
  return complaint;
}

std::optional<std::string> complaint_about_type(ConfigType type, std::string_view value) {
  if (type == ConfigType::boolean) {
    if (parse_boolean(value)) return std::nullopt;
    return "must be true or false";
  }
  if (is_integer(type) || type == ConfigType::float64) {
    return complaint_about_number(Definition{.name = {}, .type = type}, value);
  }
  return std::nullopt;
}

std::string normalized(const Definition& definition, std::string_view value) {
  if (definition.type == ConfigType::boolean) return to_lower(trim(value));
  if (definition.type == ConfigType::list) return join_list(split_list(value));
  if (is_integer(definition.type)) {
    if (const auto number = integer_of(definition, value)) return std::to_string(*number);
  }
  return std::string{trim(value)};
}

}  // namespace sluice::broker::config

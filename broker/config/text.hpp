#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// How values are read, before any setting's own rule.
namespace sluice::broker::config {

std::string_view trim(std::string_view text);
std::string to_lower(std::string_view text);
std::string to_upper(std::string_view text);

/// Comma separated, trimmed; an empty text is an empty list, and empty members are dropped.
std::vector<std::string> split_list(std::string_view text);
std::string join_list(const std::vector<std::string>& members);

/// true or false in any case. nullopt: neither.
std::optional<bool> parse_boolean(std::string_view text);
/// Decimal with an optional sign. nullopt: not a whole number, or beyond int64.
std::optional<std::int64_t> parse_integer(std::string_view text);
std::optional<double> parse_double(std::string_view text);
/// As parse_integer, or with KiB, MiB, GiB (1024) or kB, MB, GB (1000) behind it. nullopt: neither, or beyond int64.
std::optional<std::int64_t> parse_bytes(std::string_view text);

/// Of `names`, the one that `name` was probably meant to be; empty when none is near.
std::string_view nearest_name(std::string_view name, const std::vector<std::string_view>& names);

}  // namespace sluice::broker::config

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "broker/config/definition.hpp"

/// One value against its row of the table.
namespace sluice::broker::config {

/// nullopt: `value` is right; else what it would have to be: "must be between 1 and 2147483647".
std::optional<std::string> complaint_about(const Definition& definition, std::string_view value);

/// The type alone, for settings that Sluice does not act on.
std::optional<std::string> complaint_about_type(ConfigType type, std::string_view value);

/// As DescribeConfigs shows it: trimmed, booleans in lower case, lists without blanks, our byte suffixes resolved.
std::string normalized(const Definition& definition, std::string_view value);

/// "between 1 and 9", "one of a, b"; empty when any value of the type will do.
std::string range_text(const Definition& definition);

/// A whole number, byte suffixes included where the row has them.
std::optional<std::int64_t> integer_of(const Definition& definition, std::string_view value);

}  // namespace sluice::broker::config

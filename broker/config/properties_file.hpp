#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sluice::broker::config {

struct Property {
  std::string name;
  std::string value;
  int line = 0;  ///< where it begins, from 1
};

struct ParsedProperties {
  std::vector<Property> properties;  ///< in file order, repeats included
  std::vector<Property> malformed;   ///< `value` says what is wrong
};

/// The .properties syntax of Java: comments with # and !, separators = : and blanks, continuation by a backslash at the
/// end of a line, escapes \t \n \r \f \uXXXX. Other bytes are taken as they are (UTF-8).
ParsedProperties parse_properties(std::string_view text);

}  // namespace sluice::broker::config

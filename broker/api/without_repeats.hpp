#pragma once

#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace sluice::broker::api {

/// The names of a request, each once and in the order of their first mention: one that is repeated a million times must
/// not be looked up and answered as often.
inline std::vector<std::string> without_repeats(const std::vector<std::string>& names) {
  std::vector<std::string> once;
  std::unordered_set<std::string_view> seen;
  for (const auto& name : names) {
    if (seen.insert(name).second) once.push_back(name);
  }
  return once;
}

}  // namespace sluice::broker::api

#pragma once

#include <algorithm>
#include <string>
#include <vector>

namespace sluice::broker::group {

/// Ascending, each once.
inline std::vector<std::string> sorted(std::vector<std::string> names) {
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

}  // namespace sluice::broker::group

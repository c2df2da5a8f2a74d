#pragma once

#include <string>

namespace sluice::broker::config {

/// One line for the operator: where, what, and what would be right. main prints them all and exits with status 2.
struct ConfigError {
  std::string line;

  bool operator==(const ConfigError&) const = default;
};

}  // namespace sluice::broker::config

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "broker/config/broker_config.hpp"
#include "broker/config/broker_settings.hpp"
#include "broker/config/config_error.hpp"

namespace sluice::broker::config {

struct LoadOptions {
  std::optional<std::string> file;       ///< --config FILE
  std::vector<std::string> assignments;  ///< --set NAME=VALUE, in order
  std::vector<std::string> join{};       ///< --join HOST:PORT, or several with commas
  unsigned cores = 1;                    ///< default of num.network.threads
  std::string data_home;                 ///< default log.dirs is <data_home>/sluice; see default_data_home()
};

struct LoadedConfig {
  BrokerConfig config;
  BrokerSettings settings;            ///< meaningful only when there are no errors
  std::vector<std::string> warnings;  ///< one line each, for the log
  std::vector<ConfigError> errors;    ///< one line each, for stderr; then exit with status 2
};

/// Reads the file, applies the assignments over it, checks every name and value, and derives the settings.
LoadedConfig load(const LoadOptions& options);

/// $XDG_DATA_HOME, or ~/.local/share; a relative `.` when neither variable is set.
std::string default_data_home();

/// config/sluice.properties: every setting that Sluice acts on, commented, with type, default and range.
std::string render_reference();

}  // namespace sluice::broker::config

#pragma once

#include <chrono>
#include <cstdint>
#include <fmt/format.h>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/config/broker_config.hpp"
#include "broker/config/config_error.hpp"
#include "broker/config/text.hpp"
#include "protocol/base/assert.hpp"

namespace sluice::broker::config {

/// Reads settings by type, and complains about them with the place where they were given.
class SettingsReader {
 public:
  SettingsReader(const BrokerConfig& config, std::vector<ConfigError>& errors) : config_(config), errors_(errors) {}

  bool is_set(std::string_view name) const { return config_.value(name).has_value(); }
  /// In the file or on the command line.
  bool is_given(std::string_view name) const { return config_.is_given(name); }
  std::string text(std::string_view name) const { return config_.value(name).value_or(std::string{}); }
  std::vector<std::string> list(std::string_view name) const { return split_list(text(name)); }
  bool flag(std::string_view name) const { return text(name) == "true"; }

  /// Pre: the setting is a number that always has a value.
  std::int64_t integer(std::string_view name) const {
    const auto value = parse_integer(text(name));
    SLUICE_ASSERT(value, name);
    return *value;
  }
  double number(std::string_view name) const {
    const auto value = parse_double(text(name));
    SLUICE_ASSERT(value, name);
    return *value;
  }
  int small(std::string_view name) const { return static_cast<int>(integer(name)); }
  std::chrono::milliseconds duration(std::string_view name) const { return std::chrono::milliseconds{integer(name)}; }

  std::optional<std::int64_t> limit(std::string_view name) const {
    const auto value = integer(name);
    if (value < 0 || value == std::numeric_limits<std::int64_t>::max()) return std::nullopt;
    return value;
  }
  std::optional<std::chrono::milliseconds> duration_limit(std::string_view name) const {
    const auto value = limit(name);
    if (!value) return std::nullopt;
    return std::chrono::milliseconds{*value};
  }
  std::optional<int> small_limit(std::string_view name) const {
    const auto value = limit(name);
    if (!value) return std::nullopt;
    return static_cast<int>(*value);
  }

  std::size_t complaints() const { return errors_.size(); }

  void complain(std::string_view name, std::string_view message) const {
    const auto origin = config_.origin(name);
    errors_.push_back({fmt::format("{}: {} = {}: {}", origin.empty() ? "default" : origin, name, text(name), message)});
  }

  /// Of what is no setting: `origin` says where it was given.
  void complain_of(std::string_view origin, std::string_view message) const {
    errors_.push_back({fmt::format("{}: {}", origin, message)});
  }

 private:
  const BrokerConfig& config_;
  std::vector<ConfigError>& errors_;
};

}  // namespace sluice::broker::config

#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "broker/config/definition.hpp"

namespace sluice::broker::config {

/// A value somebody gave, and where: "FILE:LINE" or "--set".
struct StaticValue {
  std::string value;
  std::string origin;
};

using Properties = std::map<std::string, std::string>;

/// Everything said about the broker's configuration: an immutable snapshot of static values (file, --set), the
/// cluster-wide dynamic defaults and this broker's dynamic values. Changes make a new snapshot.
///
/// Precedence: this broker's dynamic value, the dynamic default, the static value, the default of the table.
class BrokerConfig {
 public:
  using StaticValues = std::map<std::string, StaticValue, std::less<>>;

  BrokerConfig() = default;
  /// `computed_defaults` replace defaults of the table that depend on the machine (cores, home directory).
  explicit BrokerConfig(StaticValues static_values, Properties computed_defaults = {});

  BrokerConfig with_dynamic_defaults(Properties values) const;
  BrokerConfig with_dynamic_broker(Properties values) const;

  /// Effective value of a broker-level name, without its synonyms; nullopt when it has no default either.
  std::optional<std::string> value(std::string_view name) const;
  /// Effective value by precedence over the whole group of synonyms (log.retention.ms before .minutes before .hours),
  /// converted to the unit of the first; nullopt when none has a value.
  std::optional<std::string> value_of_group(std::string_view name) const;

  /// "FILE:LINE" or "--set" for a static value; empty otherwise.
  std::string origin(std::string_view name) const;
  bool is_given(std::string_view name) const { return static_values_.find(name) != static_values_.end(); }

  std::optional<std::string> default_value(std::string_view name) const;
  const StaticValues& static_values() const noexcept { return static_values_; }
  const Properties& dynamic_defaults() const noexcept { return dynamic_defaults_; }
  const Properties& dynamic_broker() const noexcept { return dynamic_broker_; }

 private:
  StaticValues static_values_;
  Properties computed_defaults_;
  Properties dynamic_defaults_;
  Properties dynamic_broker_;
};

}  // namespace sluice::broker::config

#include "broker/config/broker_config.hpp"

#include <array>
#include <utility>

#include "broker/config/text.hpp"
#include "broker/config/value.hpp"

namespace sluice::broker::config {
namespace {

std::optional<std::string> find(const Properties& properties, std::string_view name) {
  const auto found = properties.find(std::string{name});
  if (found == properties.end()) return std::nullopt;
  return found->second;
}

/// `value` of `name` (.hours, .minutes) in milliseconds. Negative stays -1: no limit.
std::string in_milliseconds(std::string_view name, const std::string& value) {
  static constexpr std::array<std::pair<std::string_view, std::int64_t>, 2> kUnits{
      {{".hours", 3600000}, {".minutes", 60000}}};
  for (const auto& [suffix, unit] : kUnits) {
    if (!name.ends_with(suffix)) continue;
    const auto count = parse_integer(value);  // an int32 by its row: the product fits
    if (count) return std::to_string(*count < 0 ? -1 : *count * unit);
  }
  return value;
}

}  // namespace

BrokerConfig::BrokerConfig(StaticValues static_values, Properties computed_defaults)
    : static_values_(std::move(static_values)), computed_defaults_(std::move(computed_defaults)) {}

BrokerConfig BrokerConfig::with_dynamic_defaults(Properties values) const {
  auto changed = *this;
  changed.dynamic_defaults_ = std::move(values);
  return changed;
}

BrokerConfig BrokerConfig::with_dynamic_broker(Properties values) const {
  auto changed = *this;
  changed.dynamic_broker_ = std::move(values);
  return changed;
}

std::optional<std::string> BrokerConfig::value(std::string_view name) const {
  const auto* definition = find_broker_definition(name);
  if (definition == nullptr) return std::nullopt;
  // A dynamic value was checked when it was set, perhaps by another version: one that is no longer right is skipped.
  for (const auto* layer : {&dynamic_broker_, &dynamic_defaults_}) {
    const auto found = find(*layer, name);
    if (found && !complaint_about(*definition, *found)) return normalized(*definition, *found);
  }
  if (const auto found = static_values_.find(name); found != static_values_.end()) {
    if (!complaint_about(*definition, found->second.value)) return normalized(*definition, found->second.value);
  }
  return default_value(name);
}

std::optional<std::string> BrokerConfig::value_of_group(std::string_view name) const {
  for (const auto synonym : synonyms_of(name)) {
    if (const auto found = value(synonym)) return in_milliseconds(synonym, *found);
  }
  return std::nullopt;
}

std::string BrokerConfig::origin(std::string_view name) const {
  const auto found = static_values_.find(name);
  return found == static_values_.end() ? std::string{} : found->second.origin;
}

std::optional<std::string> BrokerConfig::default_value(std::string_view name) const {
  if (auto computed = find(computed_defaults_, name)) return computed;
  const auto* definition = find_broker_definition(name);
  if (definition == nullptr || !definition->default_value) return std::nullopt;
  return std::string{*definition->default_value};
}

}  // namespace sluice::broker::config

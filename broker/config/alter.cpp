#include "broker/config/alter.hpp"

#include <algorithm>
#include <chrono>
#include <fmt/format.h>

#include "broker/config/text.hpp"
#include "broker/config/topic_settings.hpp"
#include "broker/config/value.hpp"
#include "protocol/base/assert.hpp"
#include "protocol/base/clipped.hpp"

namespace sluice::broker::config {
namespace {

std::string did_you_mean(std::string_view name, std::span<const Definition> definitions) {
  std::vector<std::string_view> names;
  for (const auto& definition : definitions) names.push_back(definition.name);
  const auto nearest = nearest_name(clipped(name), names);
  return nearest.empty() ? std::string{} : fmt::format(" (did you mean {}?)", nearest);
}

Refusal refusal_of(const Definition& definition, std::string_view value) {
  const auto complaint = complaint_about(definition, value);
  if (!complaint) return std::nullopt;
  if (definition.type == ConfigType::password) {
    return fmt::format("Invalid value for configuration {}: {}", definition.name, *complaint);
  }
  return fmt::format("Invalid value {} for configuration {}: {}", clipped(value), definition.name, *complaint);
}

Refusal refuse_unknown_group_config(std::string_view name) {
  // consumer.assignment.interval.ms, and those of share and streams groups, under their broker-level names.
  if (find_known_key(fmt::format("group.{}", name)) != nullptr) {
    return fmt::format("{} is a setting of Kafka that Sluice does not use", clipped(name));
  }
  return fmt::format("Unknown group config name: {}{}", clipped(name), did_you_mean(name, group_definitions()));
}

/// Of a broker-level row that always has a value.
std::int64_t broker_number(const BrokerConfig& broker, std::string_view name) {
  const auto value = broker.value(name);
  SLUICE_ASSERT(value, name);
  return *parse_integer(*value);
}

/// group.consumer.X is bounded by group.consumer.min.X and .max.X.
Refusal refuse_outside_bounds(const BrokerConfig& broker, const Definition& definition, std::int64_t value) {
  constexpr std::string_view kPrefix = "group.consumer.";
  const auto setting = definition.broker_name.substr(kPrefix.size());
  const auto min_name = fmt::format("{}min.{}", kPrefix, setting);
  const auto max_name = fmt::format("{}max.{}", kPrefix, setting);
  const auto min = broker_number(broker, min_name);
  const auto max = broker_number(broker, max_name);
  if (value >= min && value <= max) return std::nullopt;
  return fmt::format("{} ({}) must be between the broker's {} ({}) and {} ({})", definition.name, value, min_name, min,
                     max_name, max);
}

bool is_list(const Definition* definition) { return definition != nullptr && definition->type == ConfigType::list; }

}  // namespace

Refusal validate_topic_config(std::string_view name, std::string_view value) {
  const auto* definition = find_topic_definition(name);
  if (definition == nullptr) {
    return fmt::format("Unknown topic config name: {}{}", clipped(name), did_you_mean(name, topic_definitions()));
  }
  return refusal_of(*definition, value);
}

Refusal validate_topic_configs(const BrokerConfig& broker, const Properties& topic_overrides) {
  for (const auto& [name, value] : topic_overrides) {
    if (auto refusal = validate_topic_config(name, value)) return refusal;
  }
  const auto settings = resolve(broker, topic_overrides);
  if (settings.max_compaction_lag_ms && settings.min_compaction_lag_ms > *settings.max_compaction_lag_ms) {
    return fmt::format("min.compaction.lag.ms ({}) must not be larger than max.compaction.lag.ms ({})",
                       settings.min_compaction_lag_ms.count(), settings.max_compaction_lag_ms->count());
  }
  return std::nullopt;
}

Refusal validate_group_configs(const BrokerConfig& broker, const Properties& group_overrides) {
  for (const auto& [name, value] : group_overrides) {
    const auto* definition = find_group_definition(name);
    if (definition == nullptr) return refuse_unknown_group_config(name);
    if (auto refusal = refusal_of(*definition, value)) return refusal;
    if (auto refusal = refuse_outside_bounds(broker, *definition, *integer_of(*definition, value))) return refusal;
  }
  const auto effective = [&](std::string_view name) {
    const auto own = group_overrides.find(std::string{name});
    return own == group_overrides.end() ? broker_number(broker, find_group_definition(name)->broker_name)
                                        : *parse_integer(own->second);
  };
  constexpr std::string_view kSession = "consumer.session.timeout.ms";
  constexpr std::string_view kHeartbeat = "consumer.heartbeat.interval.ms";
  if (effective(kSession) <= effective(kHeartbeat)) {
    return fmt::format("{} ({}) must be greater than {} ({})", kSession, effective(kSession), kHeartbeat,
                       effective(kHeartbeat));
  }
  return std::nullopt;
}

Refusal validate_broker_config(BrokerResource resource, std::string_view name, std::string_view value) {
  const auto* definition = find_broker_definition(name);
  if (definition == nullptr) {
    if (find_known_key(name) != nullptr)
      return fmt::format("{} is a setting of Kafka that Sluice does not use", clipped(name));
    return fmt::format("Unknown broker config name: {}{}", clipped(name), did_you_mean(name, broker_definitions()));
  }
  if (definition->dynamic == Dynamic::no) {
    return fmt::format("{} cannot be changed while the broker runs: set it in its configuration file and restart",
                       name);
  }
  if (resource == BrokerResource::cluster_default && definition->dynamic == Dynamic::per_broker) {
    return fmt::format("{} can only be changed for one broker at a time", name);
  }
  return refusal_of(*definition, value);
}

std::string append_to_list(std::string_view list, std::string_view members) {
  auto result = split_list(list);
  for (auto& member : split_list(members)) {
    if (std::ranges::count(result, member) == 0) result.push_back(std::move(member));
  }
  return join_list(result);
}

std::string subtract_from_list(std::string_view list, std::string_view members) {
  auto result = split_list(list);
  const auto unwanted = split_list(members);
  std::erase_if(result, [&](const auto& member) { return std::ranges::count(unwanted, member) > 0; });
  return join_list(result);
}

bool is_topic_list(std::string_view name) { return is_list(find_topic_definition(name)); }

bool is_broker_list(std::string_view name) { return is_list(find_broker_definition(name)); }

}  // namespace sluice::broker::config

#include "broker/config/describe.hpp"

#include <algorithm>
#include <utility>

#include "broker/config/value.hpp"

namespace sluice::broker::config {
namespace {

bool is_wanted(const ConfigNames& names, std::string_view name) {
  return !names || std::ranges::find(*names, name) != names->end();
}

std::optional<std::string> find(const Properties& properties, std::string_view name) {
  const auto found = properties.find(std::string{name});
  if (found == properties.end()) return std::nullopt;
  return found->second;
}

std::optional<std::string> find(const BrokerConfig::StaticValues& values, std::string_view name) {
  const auto found = values.find(name);
  if (found == values.end()) return std::nullopt;
  return found->second.value;
}

/// Where the value of a broker-level name comes from, layer by layer, as Kafka lists it: within a layer the names that
/// stand for it in their order. Kafka leaves out what precedes the first entry of `name` itself, so a
/// log.retention.hours in the file does not show under log.retention.ms; clients compare, so it is the same here.
std::vector<DescribedSynonym> broker_synonyms(const BrokerConfig& broker, std::string_view name, bool is_sensitive) {
  std::vector<DescribedSynonym> synonyms;
  const auto names = synonyms_of(name);
  const auto add_layer = [&](ConfigSource source, const auto& value_of) {
    for (const auto synonym : names) {
      auto value = value_of(synonym);
      if (!value) continue;
      if (is_sensitive) value.reset();
      synonyms.push_back({std::string{synonym}, std::move(value), source});
    }
  };
  add_layer(ConfigSource::dynamic_broker, [&](auto key) { return find(broker.dynamic_broker(), key); });
  add_layer(ConfigSource::dynamic_default_broker, [&](auto key) { return find(broker.dynamic_defaults(), key); });
  add_layer(ConfigSource::static_broker, [&](auto key) { return find(broker.static_values(), key); });
  add_layer(ConfigSource::default_config, [&](auto key) { return broker.default_value(key); });
  const auto own = std::ranges::find(synonyms, name, &DescribedSynonym::name);
  synonyms.erase(synonyms.begin(), own);
  return synonyms;
}

DescribedConfig describe(const Definition& definition, std::optional<std::string> value,
                         std::vector<DescribedSynonym> synonyms) {
  DescribedConfig described;
  described.name = definition.name;
  described.is_sensitive = definition.type == ConfigType::password;
  if (!described.is_sensitive) described.value = std::move(value);
  if (!synonyms.empty()) described.source = synonyms.front().source;
  described.synonyms = std::move(synonyms);
  described.type = definition.type;
  described.documentation = definition.doc;
  return described;
}

/// A setting that a topic or a group may override: `source` says which of them.
DescribedConfig describe_override(const BrokerConfig& broker, const Properties& overrides, const Definition& definition,
                                  ConfigSource source) {
  std::vector<DescribedSynonym> synonyms;
  std::optional<std::string> value;
  if (!definition.broker_name.empty()) {
    synonyms = broker_synonyms(broker, definition.broker_name, definition.type == ConfigType::password);
    value = broker.value_of_group(definition.broker_name);
  }
  if (!value && definition.default_value) value = std::string{*definition.default_value};
  if (const auto override_value = find(overrides, definition.name)) {
    value = normalized(definition, *override_value);
    synonyms.insert(synonyms.begin(), {std::string{definition.name}, value, source});
  }
  return describe(definition, std::move(value), std::move(synonyms));
}

std::vector<DescribedConfig> describe_overrides(const BrokerConfig& broker, const Properties& overrides,
                                                const ConfigNames& names, std::span<const Definition> definitions,
                                                ConfigSource source) {
  std::vector<DescribedConfig> configs;
  for (const auto& definition : definitions) {
    if (is_wanted(names, definition.name)) configs.push_back(describe_override(broker, overrides, definition, source));
  }
  return configs;
}

}  // namespace

std::vector<DescribedConfig> describe_topic(const BrokerConfig& broker, const Properties& topic_overrides,
                                            const ConfigNames& names) {
  return describe_overrides(broker, topic_overrides, names, topic_definitions(), ConfigSource::dynamic_topic);
}

std::vector<DescribedConfig> describe_group(const BrokerConfig& broker, const Properties& group_overrides,
                                            const ConfigNames& names) {
  return describe_overrides(broker, group_overrides, names, group_definitions(), ConfigSource::dynamic_group);
}

std::vector<DescribedConfig> describe_broker(const BrokerConfig& broker, const ConfigNames& names) {
  std::vector<DescribedConfig> configs;
  for (const auto& definition : broker_definitions()) {
    if (!is_wanted(names, definition.name)) continue;
    configs.push_back(describe(definition, broker.value(definition.name),
                               broker_synonyms(broker, definition.name, definition.type == ConfigType::password)));
    configs.back().read_only = definition.dynamic == Dynamic::no;
  }
  return configs;
}

std::vector<DescribedConfig> describe_broker_defaults(const BrokerConfig& broker, const ConfigNames& names) {
  std::vector<DescribedConfig> configs;
  for (const auto& [name, value] : broker.dynamic_defaults()) {
    const auto* definition = find_broker_definition(name);
    if (definition == nullptr || !is_wanted(names, name)) continue;
    auto synonyms = broker_synonyms(broker, name, definition->type == ConfigType::password);
    std::erase_if(synonyms, [](const auto& entry) { return entry.source != ConfigSource::dynamic_default_broker; });
    configs.push_back(describe(*definition, value, std::move(synonyms)));
    configs.back().read_only = definition->dynamic == Dynamic::no;
  }
  return configs;
}

}  // namespace sluice::broker::config

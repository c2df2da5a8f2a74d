#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/config/broker_config.hpp"
#include "broker/config/definition.hpp"

namespace sluice::broker::config {

struct DescribedSynonym {
  std::string name;
  std::optional<std::string> value;  ///< nullopt: null
  ConfigSource source = ConfigSource::default_config;

  bool operator==(const DescribedSynonym&) const = default;
};

/// One entry of a DescribeConfigs answer.
struct DescribedConfig {
  std::string name;
  std::optional<std::string> value;  ///< nullopt: null, as for sensitive ones
  bool read_only = false;
  ConfigSource source = ConfigSource::default_config;
  bool is_sensitive = false;
  std::vector<DescribedSynonym> synonyms;  ///< in order of precedence
  ConfigType type = ConfigType::string;
  std::string_view documentation;  ///< lives as long as the program
};

/// The names asked for; nullopt: all. Unknown names are left out, as Kafka does.
using ConfigNames = std::optional<std::vector<std::string>>;

std::vector<DescribedConfig> describe_topic(const BrokerConfig& broker, const Properties& topic_overrides,
                                            const ConfigNames& names = std::nullopt);

/// A consumer group, whether it exists or not: its settings may be there first.
std::vector<DescribedConfig> describe_group(const BrokerConfig& broker, const Properties& group_overrides,
                                            const ConfigNames& names = std::nullopt);

/// This broker, all sources.
std::vector<DescribedConfig> describe_broker(const BrokerConfig& broker, const ConfigNames& names = std::nullopt);

/// Broker resource "": only the cluster-wide dynamic defaults that are set.
std::vector<DescribedConfig> describe_broker_defaults(const BrokerConfig& broker,
                                                      const ConfigNames& names = std::nullopt);

}  // namespace sluice::broker::config

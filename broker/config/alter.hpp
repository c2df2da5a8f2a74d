#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "broker/config/broker_config.hpp"

namespace sluice::broker::config {

/// nullopt: fine; else the message to send with INVALID_CONFIG.
using Refusal = std::optional<std::string>;

/// One topic-level override, for CreateTopics, AlterConfigs and IncrementalAlterConfigs.
Refusal validate_topic_config(std::string_view name, std::string_view value);

/// All overrides of a topic together: each alone, and the rules between them (min <= max compaction lag).
Refusal validate_topic_configs(const BrokerConfig& broker, const Properties& topic_overrides);

/// All overrides of a consumer group together: each alone, within the bounds that the broker sets for groups, and the
/// heartbeat interval shorter than the session.
Refusal validate_group_configs(const BrokerConfig& broker, const Properties& group_overrides);

enum class BrokerResource {
  one_broker,       ///< the broker named in the request
  cluster_default,  ///< resource name ""
};

/// A change of a running broker: only dynamic settings may change, and per-broker ones not for the cluster.
Refusal validate_broker_config(BrokerResource resource, std::string_view name, std::string_view value);

/// IncrementalAlterConfigs append and subtract, on comma-separated lists: members keep their order, no repeats.
/// Pre: the setting is a list (is_topic_list, is_broker_list); otherwise answer INVALID_CONFIG.
std::string append_to_list(std::string_view list, std::string_view members);
std::string subtract_from_list(std::string_view list, std::string_view members);

bool is_topic_list(std::string_view name);
bool is_broker_list(std::string_view name);

}  // namespace sluice::broker::config

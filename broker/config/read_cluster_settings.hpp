#pragma once

#include <string>
#include <vector>

#include "broker/config/broker_settings.hpp"
#include "broker/config/settings_reader.hpp"

namespace sluice::broker::config {

/// The part of make_broker_settings for `settings.cluster`. Pre: identity and listeners were read.
void read_cluster_settings(BrokerSettings& settings, const SettingsReader& reader,
                           const std::vector<std::string>& join);

}  // namespace sluice::broker::config

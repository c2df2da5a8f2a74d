#pragma once

#include "broker/config/broker_config.hpp"
#include "broker/controller/metadata_image.hpp"

namespace sluice::broker::controller {

/// What broker `self` goes by: what it was started with, under the dynamic settings of `image`.
///
/// But of the settings that all brokers have alike (cluster_defaults.hpp) no value of one broker counts.
config::BrokerConfig effective_config(const config::BrokerConfig& started_with, const MetadataImage& image,
                                      BrokerId self);

}  // namespace sluice::broker::controller

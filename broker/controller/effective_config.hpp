#pragma once

#include "broker/config/broker_config.hpp"
#include "broker/controller/metadata_image.hpp"

namespace sluice::broker::controller {

/// What broker `self` goes by: what it was started with, under the dynamic settings of `image`.
///
/// But min.insync.replicas, which leaders must not take for smaller than the controller does (KIP-966: it keeps the ELR
/// by it): of the dynamic values only the default of all brokers counts.
config::BrokerConfig effective_config(const config::BrokerConfig& started_with, const MetadataImage& image,
                                      BrokerId self);

}  // namespace sluice::broker::controller

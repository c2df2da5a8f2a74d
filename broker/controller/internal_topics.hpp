#pragma once

#include <cstddef>
#include <string_view>

#include "broker/config/broker_config.hpp"
#include "broker/controller/metadata_image.hpp"

namespace sluice::broker::controller {

/// How many replicas each partition of an internal topic should have now: as its setting says
/// (offsets.topic.replication.factor, transaction.state.log.replication.factor), but no more than there are active
/// brokers, and 1 at least. A single node needs no special settings, and a cluster that grows grows them.
std::size_t internal_replication_factor(const MetadataImage& image, const config::BrokerConfig& config,
                                        std::string_view topic);

}  // namespace sluice::broker::controller

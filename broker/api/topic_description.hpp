#pragma once

#include <cstdint>
#include <vector>

#include "broker/controller/metadata_image.hpp"
#include "broker/server/request_context.hpp"

namespace sluice::broker::api {

/// Authorized operations where nothing is forbidden: one bit for each operation code of the resource type, as Kafka
/// without an authorizer. Topics: read, write, create, delete, alter, describe, describe and alter configs.
inline constexpr std::int32_t kTopicOperations = 0xdf8;
/// The cluster: create, alter, describe, cluster action, describe and alter configs, idempotent write.
inline constexpr std::int32_t kClusterOperations = 0x1fa0;
/// Groups: read, delete, describe, describe and alter configs.
inline constexpr std::int32_t kGroupOperations = 0xd48;
inline constexpr std::int32_t kOperationsNotAsked = INT32_MIN;

/// Replicas on brokers that are fenced or unknown.
std::vector<BrokerId> offline_replicas(const controller::MetadataImage& image,
                                       const controller::PartitionImage& partition);

/// The broker that clients are told is the controller: the one that is, where it is a broker that this listener's
/// clients know, else any that lives, since all take what is for the controller.
BrokerId controller_id(const controller::MetadataImage& image, const RequestContext& context);

}  // namespace sluice::broker::api

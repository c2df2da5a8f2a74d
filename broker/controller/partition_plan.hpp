#pragma once

#include <cstdint>
#include <vector>

#include "broker/controller/metadata_image.hpp"
#include "broker/controller/metadata_record.hpp"
#include "broker/controller/request_error.hpp"

namespace sluice::broker::controller {

/// Partitions that one request may create, as in Kafka, whose limit is on records: an image must stay affordable.
inline constexpr std::int64_t kNewPartitionsMax = 10'000;

/// A manual assignment against the brokers there are. `replication_factor` 0: any, but not none.
Refusal refuse_assignment(const MetadataImage& image, const std::vector<BrokerId>& replicas,
                          std::size_t replication_factor);

/// A partition that begins with every live replica in sync, led by the first of them.
/// Pre: at least one of `replicas` is live.
PartitionRecord new_partition(const MetadataImage& image, const Uuid& topic_id, PartitionId partition,
                              std::vector<BrokerId> replicas);

/// `count` partitions from `first` on, placed by rack and spread from a start that the topic's id decides.
/// Pre: `replication_factor` fits the live brokers (see refuse_replication_factor).
std::vector<PartitionRecord> place_partitions(const MetadataImage& image, const Uuid& topic_id, std::int32_t first,
                                              std::int32_t count, std::size_t replication_factor);

Refusal refuse_replication_factor(const MetadataImage& image, std::size_t replication_factor);

}  // namespace sluice::broker::controller

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "broker/controller/metadata_image.hpp"
#include "broker/group/topic_partitions.hpp"
#include "protocol/base/bytes.hpp"
#include "protocol/messages/consumer_protocol_assignment.hpp"
#include "protocol/messages/consumer_protocol_subscription.hpp"

namespace sluice::broker::group {

// What consumers of the classic protocol tell each other through the broker, as the "metadata" of a JoinGroup and the
// "assignment" of a SyncGroup: an int16 version, then fields that later versions only add to. Written by clients, so
// anything may be in there.

/// nullopt: not of this form. A version that is not known yet is read as the last that is.
std::optional<protocol::ConsumerProtocolSubscription> decode_subscription(ByteView bytes);
/// As above; no bytes at all are the assignment of nothing, which a member has that never was in a SyncGroup.
std::optional<protocol::ConsumerProtocolAssignment> decode_assignment(ByteView bytes);

/// In the version that the owner of `subscription` speaks.
std::vector<std::byte> encode_assignment(const protocol::ConsumerProtocolAssignment& assignment, ByteView subscription);

/// Topics and partitions that there are not are left out.
TopicPartitions partitions_of(const protocol::ConsumerProtocolAssignment& assignment,
                              const controller::MetadataImage& image);
TopicPartitions owned_partitions_of(const protocol::ConsumerProtocolSubscription& subscription,
                                    const controller::MetadataImage& image);
/// Ascending by name. Topics that are no more are left out.
protocol::ConsumerProtocolAssignment assignment_of(const TopicPartitions& partitions,
                                                   const controller::MetadataImage& image);

/// Ascending, unique.
std::vector<std::string> topics_of(const protocol::ConsumerProtocolSubscription& subscription);

}  // namespace sluice::broker::group

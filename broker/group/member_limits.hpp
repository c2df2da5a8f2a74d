#pragma once

#include <cstddef>

#include "protocol/messages/consumer_group_heartbeat.hpp"
#include "protocol/messages/join_group.hpp"

namespace sluice::broker::group {

/// How much one member may tell of itself, and one group be made to store: everything that its members told is kept in
/// memory, and a step of the group is one batch of its log.

/// Ways of assigning that a member may name; clients name a few. Those of all members are compared with each other.
constexpr std::size_t kProtocolsMax = 100;
/// Of one member: its subscription and what it tells the leader. Kafka bounds the batch that it becomes by
/// message.max.bytes; this is that setting's default, rounded up.
constexpr std::size_t kToldBytesMax = 1 << 20;
/// Of all members of a classic group, with their assignments: one record holds them. Far below a segment, and Kafka's
/// default would refuse a sixteenth of it.
constexpr std::size_t kGroupBytesMax = 16 << 20;
/// Regular expressions that the members of a group may subscribe with: each is matched with all topics.
constexpr std::size_t kRegexesMax = 100;

/// Whether what the member tells of itself is more than kToldBytesMax.
bool tells_too_much(const protocol::JoinGroupRequest& request);
bool tells_too_much(const protocol::ConsumerGroupHeartbeatRequest& request);

}  // namespace sluice::broker::group

#pragma once

#include <map>
#include <string>

#include "protocol/messages/join_group.hpp"
#include "tests/unit/broker/group/simulation/classic_client.hpp"

namespace sluice::test::sim {

/// What the leader of a generation gives to whom (by member id). Eager: ranges of each topic. Cooperative: what members
/// have they keep as far as their share goes, and what one gives up another gets in the next generation only.
std::map<std::string, TopicPartitionSet> assign(const protocol::JoinGroupResponse& joined, Handover handover,
                                                const Topics& topics);

}  // namespace sluice::test::sim

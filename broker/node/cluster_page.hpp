#pragma once

#include <string>

#include "broker/node/cluster_health.hpp"
#include "broker/node/cluster_node.hpp"

namespace sluice::broker::node {

/// The cluster as this node sees it, in JSON: the quorum, the brokers, how many partitions are well and where each
/// replica is in its life. All partitions of `topic`, or, where that is empty, those of any topic that are not well, at
/// most a thousand.
std::string render_cluster(ClusterNode& cluster, ClusterHealthCount& health, const std::string& topic);

}  // namespace sluice::broker::node

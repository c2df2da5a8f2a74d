#pragma once

#include <prometheus/collectable.h>
#include <vector>

#include "broker/node/cluster_health.hpp"
#include "broker/node/cluster_node.hpp"

namespace sluice::broker::node {

/// What Prometheus is told of the cluster and of this node's place in it. What is cluster-wide is told by every node,
/// each from its own image: an alert takes the maximum. What is counted by leaders can be summed up.
class ClusterMetrics final : public prometheus::Collectable {
 public:
  ClusterMetrics(ClusterNode& cluster, ClusterHealthCount& health) : cluster_(cluster), health_(health) {}

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  ClusterNode& cluster_;
  ClusterHealthCount& health_;
};

}  // namespace sluice::broker::node

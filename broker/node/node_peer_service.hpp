#pragma once

#include "broker/node/cluster_node.hpp"
#include "broker/peer/peer_service.hpp"

namespace sluice::broker::replication {
class ReplicaProgressReceiver;
}

namespace sluice::broker::node {

/// Hands what other nodes send to the part of this node that it is for. A request to the controller is decided here or
/// not at all: nodes that do not agree about the leader must not send it round in circles. But one who knows no other
/// node, since it is only about to join, may ask any (`may_be_passed_on`).
class NodePeerService final : public peer::PeerService {
 public:
  NodePeerService(ClusterNode& cluster, replication::ReplicaProgressReceiver& progress)
      : cluster_(cluster), progress_(progress) {}

  bool on_raft_messages(ByteView frame) override;
  void on_cluster_call(ByteView request, std::function<void(std::string)> answer) override;
  bool on_replica_progress(ByteView message) override;

 private:
  ClusterNode& cluster_;
  replication::ReplicaProgressReceiver& progress_;
};

}  // namespace sluice::broker::node

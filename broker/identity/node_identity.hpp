#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "broker/config/broker_settings.hpp"
#include "broker/peer/cluster_call.hpp"
#include "broker/peer/peer_connection.hpp"
#include "broker/raft/configuration.hpp"
#include "protocol/base/ids.hpp"
#include "protocol/base/result.hpp"
#include "storage/fs/file_system.hpp"

namespace sluice::broker::identity {

/// Who this node is in which cluster: decided before its data directories are opened, and of these kinds:
///
///   known       meta.properties says it
///   alone       one voter, and nobody else is named: a cluster of its own, with a new id
///   invited     --join: the cluster it was pointed at says it
///   static      controller.quorum.voters: the node id is given; the cluster id comes with the first leader's record
///   discovered  controller.quorum.bootstrap.servers: a cluster that one of them knows, else all of them are new and
///               are the voters
struct NodeIdentity {
  /// Empty: not known before the first ClusterRecord is applied. Then open the LogManager with `may_be_unknown`, and
  /// hand what the record says to LogManager::adopt_cluster_id.
  std::string cluster_id{};
  BrokerId node_id = kNoBroker;
  /// RaftDriver::Options::bootstrap: the voters of an empty log. Empty: this node follows as a learner until it is made
  /// a voter, whether or not the configuration names it.
  raft::Configuration bootstrap{};
  /// Where other nodes of the quorum are found to begin with: for AddressBook::set_quorum_address and
  /// Raft::set_contacts. Without this node.
  std::vector<std::pair<BrokerId, peer::PeerAddress>> quorum{};
  /// This node's disk is not the one that a voter of its id remembers with: what the operator is to do, one log line.
  std::string advice{};
};

/// Whether to give up: asked about ten times a second while others are waited for.
using ShouldStop = std::function<bool()>;

/// Decides; asks others and waits for them where it has to, saying in the log what for. While it looks for others it
/// answers their IdentifyCall on its own controller listener, which must not be open yet.
///
/// Errors, each told by one log line: wrong_directory, where the data directories are another node's or another
/// cluster's; operation_canceled once `should_stop`; of the system.
Result<NodeIdentity> decide_identity(
    storage::FileSystem& files, const config::BrokerSettings& settings,
    const ShouldStop& should_stop = [] { return false; });

/// Where other nodes reach this one's quorum: its controller listener where it has one, else the listener between
/// brokers. `port_of` tells the port that a listener got, for those configured with port 0.
peer::PeerAddress own_quorum_address(const config::BrokerSettings& settings,
                                     const std::function<std::uint16_t(const std::string& listener)>& port_of);

}  // namespace sluice::broker::identity

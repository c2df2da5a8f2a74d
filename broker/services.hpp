#pragma once

#include <atomic>

#include "broker/config/broker_settings.hpp"

namespace sluice::broker {

namespace config {
class BrokerConfig;
}
namespace controller {
class Controller;
class ImageSource;
class QuorumInfo;
}  // namespace controller
namespace replication {
class PartitionTable;
class ReplicaMover;
}  // namespace replication
namespace fetch {
class FetchSessionCache;
class ReplicaFetchSessions;
}  // namespace fetch
namespace metrics {
struct BrokerMetrics;
}
namespace peer {
class LostBrokers;
class PeerService;
}  // namespace peer
namespace group {
class GroupCoordinatorDriver;
}
class BlockingPool;
class ProducerIds;

/// What handlers may ask for: the broker's parts, by reference, so that a test wires only those it needs.
struct Services {
  const config::BrokerSettings& settings;
  const config::BrokerConfig& config;       ///< static settings: what DescribeConfigs tells and topics inherit
  controller::Controller& controller;       ///< changes metadata, answers when the change is durable and applied
  controller::ImageSource& images;          ///< the newest metadata image; a request takes one and uses it to the end
  replication::PartitionTable& partitions;  ///< this broker's replicas
  replication::ReplicaMover& mover;         ///< between data directories
  fetch::FetchSessionCache& fetch_sessions;
  fetch::ReplicaFetchSessions& replica_fetches;  ///< sessions of followers
  group::GroupCoordinatorDriver& groups;
  ProducerIds& producer_ids;
  peer::PeerService& peers;  ///< what other nodes of the cluster send
  metrics::BrokerMetrics& metrics;
  BlockingPool& background;                        ///< for what may wait for the disk and is asked for on an io thread
  const controller::QuorumInfo* quorum = nullptr;  ///< null: there is none, as in tests of single handlers
  peer::LostBrokers* lost_brokers = nullptr;       ///< null: as above
  std::atomic<bool> stopping{false};               ///< answer what waits with what there is
  /// Else the node is still starting: its peers are answered, clients have to try again or elsewhere.
  std::atomic<bool> serves_clients{true};
};

}  // namespace sluice::broker

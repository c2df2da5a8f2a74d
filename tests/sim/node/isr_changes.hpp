#pragma once

#include <map>
#include <memory>

#include "broker/controller/broker_calls.hpp"
#include "broker/replication/partition.hpp"
#include "broker/replication/partition_key.hpp"

namespace sluice::sim {

class Node;
struct World;

/// Takes the ISR changes that partitions want to the controller, one request at a time. What IsrChangeDriver does on a
/// thread.
class IsrChanges {
 public:
  using PartitionPtr = std::shared_ptr<broker::replication::Partition>;

  IsrChanges(World& world, Node& node) : world_(world), node_(node) {}
  void start() { check_later(); }
  void set_broker_epoch(broker::controller::BrokerEpoch epoch);
  void want(const PartitionPtr& partition);

 private:
  void send();
  void take(const broker::controller::AlterPartitionResponse& response);
  void fail();
  void retry_later();
  void check_later();

  World& world_;
  Node& node_;
  broker::controller::BrokerEpoch broker_epoch_ = broker::controller::kNoBrokerEpoch;
  std::map<broker::replication::PartitionKey, PartitionPtr> wanted_;
  std::map<broker::replication::PartitionKey, PartitionPtr> asked_;  // of the request under way; empty: none is
  bool waits_ = false;
};

}  // namespace sluice::sim

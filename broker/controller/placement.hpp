#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "broker/controller/metadata_image.hpp"

namespace sluice::broker::controller {

/// Spreads the replicas of new partitions over the active brokers.
///
/// The brokers are put in a ring that alternates between racks, each as many times as its capacity is that of the
/// smallest. Partition p's leader is the broker at `start` + p, so
/// that leaders spread evenly; its followers are those after it at a distance that grows with each turn around the
/// ring, so that the load of a lost broker spreads too. A rack gets a second replica only when every rack has one.
class Placement {
 public:
  explicit Placement(const std::vector<BrokerImage>& brokers);

  std::size_t broker_count() const noexcept { return broker_count_; }

  /// Replicas of partition `index`, the leader first. Pre: 1 <= `replication_factor` <= broker_count().
  std::vector<BrokerId> replicas(std::uint64_t start, std::uint32_t index, std::size_t replication_factor) const;

 private:
  struct Member {
    BrokerId id;
    std::size_t rack;  ///< index of its rack; brokers without one share the first
  };

  std::vector<Member> ring_;
  std::size_t rack_count_ = 0;
  std::size_t broker_count_ = 0;
};

}  // namespace sluice::broker::controller

#pragma once

#include <cstdint>
#include <string_view>

#include "broker/controller/metadata_image.hpp"

namespace sluice::broker::controller {

/// Where one replica is in its life, in the words of Kafka's replica state machine, for admin output.
///
/// Deleting a topic is one record here: from it on its replicas do not exist for the controller, and each broker
/// removes its files by itself. The three states of a deletion under way are therefore those of a replica that a *move*
/// takes away: it is told to go (DeletionStarted), can't be told while its broker is away (DeletionIneligible), and has
/// gone from the list of replicas when all that come are in sync (DeletionSuccessful is never seen: NonExistent follows
/// at once).
enum class ReplicaState : std::uint8_t {
  non_existent,      ///< no such partition, or not on that broker
  fresh,             ///< Kafka's New: on its way in, not in sync yet
  online,            ///< its broker is active
  offline,           ///< its broker is fenced or not registered
  deletion_started,  ///< on its way out
  deletion_successful,
  deletion_ineligible,  ///< to go, but its broker is away
};

ReplicaState replica_state(const MetadataImage& image, std::string_view topic, PartitionId partition, BrokerId broker);

/// As Kafka spells it.
std::string_view name_of(ReplicaState state) noexcept;

}  // namespace sluice::broker::controller

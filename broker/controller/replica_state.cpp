#include "broker/controller/replica_state.hpp"

#include <algorithm>

namespace sluice::broker::controller {

ReplicaState replica_state(const MetadataImage& image, std::string_view topic, PartitionId partition, BrokerId broker) {
  const auto* found = image.find_partition(topic, partition);
  if (found == nullptr || !found->has_replica(broker)) return ReplicaState::non_existent;
  const auto* holder = image.find_broker(broker);
  const bool is_there = holder != nullptr && !holder->fenced;
  if (std::ranges::find(found->removing, broker) != found->removing.end()) {
    return is_there ? ReplicaState::deletion_started : ReplicaState::deletion_ineligible;
  }
  if (!is_there) return ReplicaState::offline;
  const bool arrives = std::ranges::find(found->adding, broker) != found->adding.end();
  return arrives && !found->is_in_sync(broker) ? ReplicaState::fresh : ReplicaState::online;
}

std::string_view name_of(ReplicaState state) noexcept {
  switch (state) {
    case ReplicaState::non_existent: return "NonExistent";
    case ReplicaState::fresh: return "New";
    case ReplicaState::online: return "Online";
    case ReplicaState::offline: return "Offline";
    case ReplicaState::deletion_started: return "DeletionStarted";
    case ReplicaState::deletion_successful: return "DeletionSuccessful";
    case ReplicaState::deletion_ineligible: return "DeletionIneligible";
  }
  return "";
}

}  // namespace sluice::broker::controller

#include <algorithm>
#include <limits>

#include "broker/controller/cluster_state.hpp"
#include "broker/controller/partition_changes.hpp"

namespace sluice::broker::controller {
namespace {

using protocol::ErrorCode;

constexpr auto kAll = std::numeric_limits<std::size_t>::max();

/// The registered ones stay in the image as they were: a broker that comes back without one of them has lost what was
/// on it, which its registration shows.
bool is_without_disks(const BrokerImage& broker, const std::vector<Uuid>& offline) {
  return !broker.directories.empty() && std::ranges::all_of(broker.directories, [&](const Uuid& id) {
    return std::ranges::find(offline, id) != offline.end();
  });
}

}  // namespace

std::vector<MetadataRecord> ClusterState::unfence(const BrokerImage& known) const {
  auto broker = known;
  broker.fenced = false;
  std::vector<MetadataRecord> records{BrokerRecord{std::move(broker)}};
  const TopicRules rules{image_, effective_config(), {.broker = known.id, .is_active = true}};
  const auto lead = [&](const PartitionImage& partition) -> std::optional<PartitionChange> {
    if (partition.leader != kNoBroker || !partition.has_replica(known.id)) return std::nullopt;
    return PartitionChange{};
  };
  change_partitions(image_, rules, lead, kAll, records);
  return records;
}

Decision<HeartbeatResponse> ClusterState::handle(const HeartbeatRequest& request) const {
  Decision<HeartbeatResponse> decision;
  auto& response = decision.response;
  const auto* found = image_.find_broker(request.id);
  if (found == nullptr || found->epoch != request.epoch) {
    response.error_code = found == nullptr ? ErrorCode::broker_id_not_registered : ErrorCode::stale_broker_epoch;
    return decision;
  }
  const auto& broker = *found;
  const bool wants_fence = request.wants_fence || is_without_disks(broker, request.offline_directories);
  response.caught_up = request.metadata_offset.value() >= broker.epoch.value();
  response.fenced = broker.fenced;

  if (request.wants_shutdown) {
    // One decision hands over all that others can lead: nothing is left for another one.
    if (!broker.fenced) decision.records = hand_over(broker);
    response.may_shut_down = true;
  } else if (wants_fence) {
    if (!broker.fenced) decision.records = fence(broker.id);
    response.fenced = true;
  } else if (broker.fenced && response.caught_up) {
    decision.records = unfence(broker);
    response.fenced = false;
  }
  return decision;
}

}  // namespace sluice::broker::controller

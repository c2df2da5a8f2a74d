#include <algorithm>
#include <limits>

#include "broker/controller/cluster_state.hpp"
#include "broker/controller/partition_changes.hpp"

namespace sluice::broker::controller {
namespace {

using protocol::ErrorCode;

constexpr auto kAll = std::numeric_limits<std::size_t>::max();

BrokerImage without_directories(BrokerImage broker, const std::vector<Uuid>& offline) {
  std::erase_if(broker.directories, [&](const Uuid& id) { return std::ranges::find(offline, id) != offline.end(); });
  return broker;
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
  const auto broker = without_directories(*found, request.offline_directories);
  response.caught_up = request.metadata_offset.value() >= broker.epoch.value();
  response.fenced = broker.fenced;

  if (request.wants_shutdown) {
    // One decision hands over all that others can lead: nothing is left for another one.
    if (!broker.fenced) decision.records = hand_over(broker);
    response.may_shut_down = true;
  } else if (request.wants_fence) {
    if (!broker.fenced) decision.records = fence(broker.id);
    response.fenced = true;
  } else if (broker.fenced && response.caught_up) {
    decision.records = unfence(broker);
    response.fenced = false;
  }
  if (decision.records.empty() && broker != *found) decision.records.emplace_back(BrokerRecord{broker});
  return decision;
}

}  // namespace sluice::broker::controller

#include <algorithm>
#include <limits>
#include <set>

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

std::set<const PartitionImage*> partitions_of(const MetadataImage& image, const std::vector<OfflineReplica>& replicas) {
  std::set<const PartitionImage*> partitions;
  for (const auto& replica : replicas) {
    const auto* topic = image.find_topic(replica.topic_id);
    if (topic != nullptr) partitions.insert(topic->find_partition(replica.partition));
  }
  return partitions;
}

}  // namespace

std::vector<MetadataRecord> ClusterState::unfence(const BrokerImage& known, const HeartbeatRequest& request) const {
  auto broker = known;
  broker.fenced = false;
  std::vector<MetadataRecord> records{BrokerRecord{std::move(broker)}};
  const TopicRules rules{image_, effective_config(), {.broker = known.id, .is_active = true}};
  const auto offline = partitions_of(image_, request.offline_replicas);
  const auto lead = [&](const PartitionImage& partition) -> std::optional<PartitionChange> {
    if (partition.leader != kNoBroker || !partition.has_replica(known.id)) return std::nullopt;
    if (offline.contains(&partition)) return std::nullopt;
    return PartitionChange{};
  };
  change_partitions(image_, rules, lead, kAll, records);
  return records;
}

/// Others lead what it can't serve, and it is in sync no more. Where nobody else can, it stays and says why it does not
/// serve. Should it be elected later on, by whatever else happens, its next heartbeat says so again.
std::vector<MetadataRecord> ClusterState::vacate(const HeartbeatRequest& request) const {
  std::vector<MetadataRecord> records;
  const TopicRules rules{image_, effective_config(), {.broker = request.id, .is_active = false}};
  const auto offline = partitions_of(image_, request.offline_replicas);
  image_.for_each_topic([&](const TopicImage& topic) {
    for (const auto& partition : topic.partitions) {
      if (!offline.contains(&partition)) continue;
      if (!partition.is_in_sync(request.id) && partition.leader != request.id) continue;
      auto isr = without_losing_the_last(partition.isr, request.id);
      auto next = next_partition(partition, {.isr = std::move(isr)}, rules.of(topic));
      if (next && next->leader != kNoBroker) records.emplace_back(PartitionRecord{topic.id, *std::move(next)});
    }
  });
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
    decision.records = unfence(broker, request);
    response.fenced = false;
  } else if (!broker.fenced && !request.offline_replicas.empty()) {
    decision.records = vacate(request);
  }
  return decision;
}

}  // namespace sluice::broker::controller

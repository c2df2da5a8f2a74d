#include "broker/replication/replica_progress.hpp"

#include <algorithm>
#include <limits>

#include "broker/replication/replica_progress.pb.h"

namespace sluice::broker::replication {
namespace {

std::optional<Uuid> to_uuid(const std::string& bytes) {
  std::array<std::uint8_t, 16> id{};
  if (bytes.size() != id.size()) return std::nullopt;
  std::copy(bytes.begin(), bytes.end(), id.begin());
  return Uuid{id};
}

}  // namespace

std::string encode(const ReplicaProgress& progress) {
  pb::ReplicaProgress out;
  out.set_replica(progress.replica.value());
  out.set_broker_epoch(progress.broker_epoch.value());
  pb::ReplicaProgress::Topic* topic = nullptr;
  const Uuid* topic_id = nullptr;
  for (const auto& item : progress.items) {
    if (topic_id == nullptr || *topic_id != item.topic_id) {
      topic = out.add_topics();
      topic->set_topic_id(item.topic_id.bytes().data(), item.topic_id.bytes().size());
      topic_id = &item.topic_id;
    }
    auto& partition = *topic->add_partitions();
    partition.set_partition(item.partition.value());
    partition.set_leader_epoch(item.leader_epoch.value());
    partition.set_synced_end(item.synced_end.value());
  }
  return out.SerializeAsString();
}

std::optional<ReplicaProgress> decode_replica_progress(ByteView bytes) {
  pb::ReplicaProgress in;
  if (bytes.size() > static_cast<std::size_t>(std::numeric_limits<int>::max())) return std::nullopt;
  if (!in.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return std::nullopt;
  ReplicaProgress progress{.replica = BrokerId{in.replica()},
                           .broker_epoch = controller::BrokerEpoch{in.broker_epoch()}};
  for (const auto& topic : in.topics()) {
    const auto topic_id = to_uuid(topic.topic_id());
    if (!topic_id) return std::nullopt;
    for (const auto& partition : topic.partitions()) {
      if (partition.partition() < 0 || partition.synced_end() < 0) return std::nullopt;
      progress.items.push_back({.topic_id = *topic_id,
                                .partition = PartitionId{partition.partition()},
                                .leader_epoch = LeaderEpoch{partition.leader_epoch()},
                                .synced_end = Offset{partition.synced_end()}});
    }
  }
  return progress;
}

}  // namespace sluice::broker::replication

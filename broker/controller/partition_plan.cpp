#include "broker/controller/partition_plan.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <functional>

#include "broker/controller/placement.hpp"
#include "protocol/base/assert.hpp"

namespace sluice::broker::controller {
namespace {

using protocol::ErrorCode;

bool is_active(const MetadataImage& image, BrokerId id) {
  const auto* broker = image.find_broker(id);
  return broker != nullptr && broker->is_active();
}

std::size_t active_broker_count(const MetadataImage& image) {
  return static_cast<std::size_t>(std::count_if(image.brokers().begin(), image.brokers().end(),
                                                [](const BrokerImage& broker) { return broker.is_active(); }));
}

}  // namespace

Refusal refuse_assignment(const MetadataImage& image, const std::vector<BrokerId>& replicas,
                          std::size_t replication_factor) {
  const auto refuse = [](std::string message) {
    return RequestError{ErrorCode::invalid_replica_assignment, std::move(message)};
  };
  if (replicas.empty()) return refuse("A partition's assignment must name at least one broker.");
  for (auto replica = replicas.begin(); replica != replicas.end(); ++replica) {
    if (image.find_broker(*replica) == nullptr) {
      return refuse(fmt::format("The assignment names broker {}, which is not registered.", replica->value()));
    }
    if (std::find(replicas.begin(), replica, *replica) != replica) {
      return refuse(fmt::format("The assignment names broker {} more than once.", replica->value()));
    }
  }
  if (replication_factor != 0 && replicas.size() != replication_factor) {
    return refuse(fmt::format("The assignment has {} replicas where the topic's other partitions have {}.",
                              replicas.size(), replication_factor));
  }
  if (std::none_of(replicas.begin(), replicas.end(), [&](BrokerId id) { return is_active(image, id); })) {
    return refuse("Every broker of the assignment is fenced or shuts down: no one could lead the partition.");
  }
  return std::nullopt;
}

Refusal refuse_replication_factor(const MetadataImage& image, std::size_t replication_factor) {
  const auto active = active_broker_count(image);
  if (replication_factor <= active) return std::nullopt;
  return RequestError{ErrorCode::invalid_replication_factor,
                      fmt::format("Replication factor {} is larger than the number of active brokers, {}.",
                                  replication_factor, active)};
}

PartitionRecord new_partition(const MetadataImage& image, const Uuid& topic_id, PartitionId partition,
                              std::vector<BrokerId> replicas) {
  PartitionImage state;
  state.partition = partition;
  std::copy_if(replicas.begin(), replicas.end(), std::back_inserter(state.isr),
               [&](BrokerId id) { return is_active(image, id); });
  SLUICE_ASSERT(!state.isr.empty(), topic_id, partition);
  state.leader = state.isr.front();
  state.replicas = std::move(replicas);
  return {topic_id, std::move(state)};
}

std::vector<PartitionRecord> place_partitions(const MetadataImage& image, const Uuid& topic_id, std::int32_t first,
                                              std::int32_t count, std::size_t replication_factor) {
  const Placement placement{image.brokers()};
  const auto start = static_cast<std::uint64_t>(std::hash<Uuid>{}(topic_id)) >> 8;
  std::vector<PartitionRecord> records;
  records.reserve(static_cast<std::size_t>(count));
  for (std::int32_t partition = first; partition < first + count; ++partition) {
    records.push_back(
        new_partition(image, topic_id, PartitionId{partition},
                      placement.replicas(start, static_cast<std::uint32_t>(partition), replication_factor)));
  }
  return records;
}

}  // namespace sluice::broker::controller

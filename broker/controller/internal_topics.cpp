#include "broker/controller/internal_topics.hpp"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>

#include "broker/controller/cluster_state.hpp"
#include "broker/controller/partition_changes.hpp"

namespace sluice::broker::controller {
namespace {

constexpr long kReplicas = 3;  // as Kafka's defaults

std::size_t active_count(const MetadataImage& image) {
  return static_cast<std::size_t>(std::ranges::count_if(image.brokers(), &BrokerImage::is_active));
}

/// Gives the partitions of one topic more replicas, evenly.
class Growth {
 public:
  Growth(const MetadataImage& image, const TopicImage& topic);

  std::vector<BrokerId> grown(const PartitionImage& partition, std::size_t wanted);

 private:
  /// The active broker outside `replicas` that adds a rack if any does, and has the fewest of the topic's replicas.
  const BrokerImage* choose(const std::vector<BrokerId>& replicas) const;

  const MetadataImage& image_;
  std::map<BrokerId, std::size_t> held_;
  std::map<BrokerId, std::size_t> first_;
};

Growth::Growth(const MetadataImage& image, const TopicImage& topic) : image_(image) {
  for (const auto& partition : topic.partitions) {
    ++first_[partition.replicas.front()];
    for (const auto id : partition.replicas) ++held_[id];
  }
}

const BrokerImage* Growth::choose(const std::vector<BrokerId>& replicas) const {
  std::set<std::string> racks;
  for (const auto id : replicas) {
    if (const auto* broker = image_.find_broker(id)) racks.insert(broker->rack.value_or(""));
  }
  const BrokerImage* best = nullptr;
  std::pair<bool, std::size_t> best_cost;
  for (const auto& broker : image_.brokers()) {
    if (!broker.is_active() || std::ranges::find(replicas, broker.id) != replicas.end()) continue;
    const auto held = held_.find(broker.id);
    const std::pair cost{racks.contains(broker.rack.value_or("")), held == held_.end() ? 0 : held->second};
    if (best == nullptr || cost < best_cost) {
      best = &broker;
      best_cost = cost;
    }
  }
  return best;
}

std::vector<BrokerId> Growth::grown(const PartitionImage& partition, std::size_t wanted) {
  auto replicas = partition.replicas;
  while (replicas.size() < wanted) {
    const auto* more = choose(replicas);
    if (more == nullptr) break;
    replicas.push_back(more->id);
    ++held_[more->id];
  }
  // The first replica is the one to lead: each broker should be that of as many partitions as the others.
  const auto before = replicas.front();
  const auto next = std::ranges::min_element(replicas, {}, [&](BrokerId id) { return first_[id]; });
  if (first_[*next] + 1 < first_[before]) {
    --first_[before];
    ++first_[*next];
    std::iter_swap(replicas.begin(), next);
  }
  return replicas;
}

}  // namespace

std::size_t internal_replication_factor(const MetadataImage& image, const config::BrokerConfig& config,
                                        std::string_view topic) {
  const auto* setting = topic == "__consumer_offsets"    ? "offsets.topic.replication.factor"
                        : topic == "__transaction_state" ? "transaction.state.log.replication.factor"
                                                         : "share.coordinator.state.topic.replication.factor";
  const auto value = config.value(setting);
  const auto wanted = value ? std::max(1L, std::strtol(value->c_str(), nullptr, 10)) : kReplicas;
  return std::max<std::size_t>(1, std::min(static_cast<std::size_t>(wanted), active_count(image)));
}

std::vector<MetadataRecord> ClusterState::grow_internal_topics(std::size_t max) const {
  std::vector<MetadataRecord> records;
  const auto config = effective_config();
  const TopicRules rules{image_, config};
  image_.for_each_topic([&](const TopicImage& topic) {
    if (!topic.internal) return;
    const auto wanted = internal_replication_factor(image_, config, topic.name);
    Growth growth{image_, topic};
    for (const auto& partition : topic.partitions) {
      if (records.size() >= max) return;
      const bool moves = !partition.adding.empty() || !partition.removing.empty();
      if (moves || partition.leader == kNoBroker || partition.replicas.size() >= wanted) continue;
      auto replicas = growth.grown(partition, wanted);
      std::vector<BrokerId> adding;
      std::ranges::copy_if(replicas, std::back_inserter(adding),
                           [&](BrokerId id) { return !partition.has_replica(id); });
      auto next =
          next_partition(partition, {.replicas = std::move(replicas), .adding = std::move(adding)}, rules.of(topic));
      if (next) records.emplace_back(PartitionRecord{topic.id, *std::move(next)});
    }
  });
  return records;
}

}  // namespace sluice::broker::controller

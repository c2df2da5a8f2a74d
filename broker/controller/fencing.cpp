#include <limits>

#include "broker/controller/cluster_state.hpp"
#include "broker/controller/partition_changes.hpp"

namespace sluice::broker::controller {

std::vector<MetadataRecord> ClusterState::fence(BrokerId broker) const {
  std::vector<MetadataRecord> records;
  const auto* known = image_.find_broker(broker);
  if (known == nullptr) return records;
  if (!known->fenced) {
    auto fenced = *known;
    fenced.fenced = true;
    fenced.in_controlled_shutdown = false;
    records.emplace_back(BrokerRecord{std::move(fenced)});
  }
  const TopicRules rules{image_, effective_config(), {.broker = broker, .is_active = false}};
  const auto leaves = [&](const PartitionImage& partition) -> std::optional<PartitionChange> {
    if (!partition.is_in_sync(broker) && partition.leader != broker) return std::nullopt;
    return PartitionChange{.isr = without_losing_the_last(partition.isr, broker)};
  };
  change_partitions(image_, rules, leaves, std::numeric_limits<std::size_t>::max(), records);
  return records;
}

std::vector<MetadataRecord> ClusterState::repair(std::size_t max) const {
  std::vector<MetadataRecord> records;
  const TopicRules rules{image_, effective_config()};
  const auto is_fenced = [&](BrokerId id) {
    const auto* broker = image_.find_broker(id);
    return broker == nullptr || broker->fenced;
  };
  const auto mend = [&](const PartitionImage& partition) -> std::optional<PartitionChange> {
    PartitionChange change{.isr = partition.isr};
    for (const auto id : partition.isr) {
      if (is_fenced(id)) change.isr = without_losing_the_last(*change.isr, id);
    }
    if (*change.isr != partition.isr || partition.leader == kNoBroker || is_fenced(partition.leader)) return change;
    return std::nullopt;
  };
  change_partitions(image_, rules, mend, max, records);
  return records;
}

}  // namespace sluice::broker::controller

#include <algorithm>
#include <limits>

#include "broker/controller/cluster_state.hpp"
#include "broker/controller/partition_changes.hpp"

namespace sluice::broker::controller {

/// What it leads goes to other members of the ISR, and it leaves every ISR that it is not the last of, so that no
/// leader waits for it when it is gone. What nobody of the ISR can take over it goes on leading to its end: an eligible
/// replica (KIP-966) has less than it, and takes over once it is fenced.
std::vector<MetadataRecord> ClusterState::hand_over(const BrokerImage& known) const {
  std::vector<MetadataRecord> records;
  if (!known.in_controlled_shutdown) {
    auto broker = known;
    broker.in_controlled_shutdown = true;
    records.emplace_back(BrokerRecord{std::move(broker)});
  }
  const AsIf leaving{.broker = known.id, .is_active = false};
  const auto may_lead = active_brokers(image_, leaving);
  const TopicRules rules{image_, effective_config(), leaving};
  const auto leave = [&](const PartitionImage& partition) -> std::optional<PartitionChange> {
    if (!partition.is_in_sync(known.id)) return std::nullopt;
    const auto others = without(partition.isr, known.id);
    if (partition.leader == known.id && std::ranges::none_of(others, may_lead)) return std::nullopt;
    if (others.empty()) return std::nullopt;
    return PartitionChange{.isr = others};
  };
  change_partitions(image_, rules, leave, std::numeric_limits<std::size_t>::max(), records);
  return records;
}

}  // namespace sluice::broker::controller

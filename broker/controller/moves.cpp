#include <algorithm>

#include "broker/controller/cluster_state.hpp"
#include "broker/controller/partition_changes.hpp"

namespace sluice::broker::controller {
namespace {

bool has(const std::vector<BrokerId>& ids, BrokerId id) { return std::ranges::find(ids, id) != ids.end(); }

/// Those that stay, where all that come are in sync; nullopt: not yet, or nothing moves.
std::optional<PartitionChange> finish(const PartitionImage& partition) {
  if (partition.adding.empty() && partition.removing.empty()) return std::nullopt;
  PartitionChange change;
  std::vector<BrokerId> still_coming;
  std::ranges::copy_if(partition.adding, std::back_inserter(still_coming),
                       [&](BrokerId id) { return !partition.is_in_sync(id); });
  if (still_coming == partition.adding && !partition.adding.empty()) return std::nullopt;
  change.adding = still_coming;
  if (!still_coming.empty() || partition.removing.empty()) return change;

  std::vector<BrokerId> replicas;
  std::vector<BrokerId> isr;
  for (const auto id : partition.replicas) {
    if (!has(partition.removing, id)) replicas.push_back(id);
  }
  for (const auto id : partition.isr) {
    if (!has(partition.removing, id)) isr.push_back(id);
  }
  if (isr.empty() || replicas.empty()) return std::nullopt;  // nobody would be left that has everything
  change.replicas = std::move(replicas);
  change.isr = std::move(isr);
  change.removing.emplace();
  return change;
}

}  // namespace

std::vector<MetadataRecord> ClusterState::finish_moves(std::size_t max) const {
  std::vector<MetadataRecord> records;
  const TopicRules rules{image_, effective_config()};
  change_partitions(image_, rules, finish, max, records);
  return records;
}

}  // namespace sluice::broker::controller

#include "tests/sim/faults/atlas.hpp"

#include <algorithm>
#include <vector>

#include "tests/sim/invariants/watchers.hpp"
#include "tests/sim/node/node.hpp"
#include "tests/sim/node/world.hpp"

namespace sluice::sim {

using broker::controller::PartitionImage;
using broker::controller::TopicImage;
using broker::replication::PartitionKey;

/// Every partition of the node has another member of the ISR that is up, undamaged, and has everything.
bool Atlas::has_company(HostId node, bool needs_synced) const {
  const auto& image = world_.watchers->metadata.latest();
  bool has = true;
  image.for_each_topic([&](const TopicImage& topic) {
    for (const auto& partition : topic.partitions) {
      if (!partition.has_replica(BrokerId{node})) continue;
      const PartitionKey key{topic.id, partition.partition};
      const auto end = world_.watchers->replicas.committed_end(key);
      const bool found = std::ranges::any_of(partition.isr, [&](BrokerId id) {
        if (id.value() == node || damaged_.contains(id.value())) return false;
        auto& other = world_.node(id.value());
        if (!other.is_up() || !other.process().serves()) return false;
        const auto replica = other.process().replicas().find(key);
        if (!replica || replica->log().is_offline()) return false;
        return (needs_synced ? replica->log().synced_end_offset() : replica->log_end_offset()) >= end;
      });
      has = has && found;
    }
  });
  return has;
}

bool Atlas::may_lose_disk(HostId node) const {
  if (!damaged_.empty()) return false;
  return has_company(node, true) && world_.watchers->quorum.may_lose_disk(world_.node(node).key());
}

bool Atlas::may_be_replaced(HostId node) const {
  return has_company(node, world_.settings.durability == broker::config::Durability::fsync) &&
         world_.watchers->quorum.may_lose_disk(world_.node(node).key());
}

bool Atlas::may_be_away(HostId node) const {
  if (world_.settings.durability == broker::config::Durability::fsync) return true;
  return std::ranges::all_of(damaged_, [&](HostId id) { return id == node; });
}

bool Atlas::may_lose_unsynced(HostId node) const {
  if (world_.settings.durability == broker::config::Durability::fsync) return true;
  return may_be_away(node) && has_company(node, false);
}

bool Atlas::is_whole(HostId node) const {
  auto& it = world_.node(node);
  if (!it.is_up() || !it.process().serves()) return false;
  const auto& image = world_.watchers->metadata.latest();
  const auto* broker = image.find_broker(BrokerId{node});
  if (broker == nullptr || broker->fenced) return false;
  bool whole = true;
  image.for_each_topic([&](const TopicImage& topic) {
    for (const auto& partition : topic.partitions) {
      if (partition.has_replica(BrokerId{node}) && !partition.is_in_sync(BrokerId{node})) whole = false;
    }
  });
  return whole && !it.is_in_danger() && is_sound(node) &&
         it.process().quorum().raft().log().commit_index() + 5 >= world_.watchers->quorum.commit_index();
}

bool Atlas::is_sound(HostId node) const {
  auto& disk = world_.node(node).disk();
  disk.suspend_faults(true);
  bool sound = true;
  // A log that can't be opened is not among the replicas.
  auto& process = world_.node(node).process();
  process.metadata().image()->for_each_topic([&](const TopicImage& topic) {
    for (const auto& partition : topic.partitions) {
      const bool is_here = process.replicas().find({topic.id, partition.partition}) != nullptr;
      sound = sound && (is_here || !partition.has_replica(BrokerId{node}));
    }
  });
  world_.node(node).process().replicas().for_each(
      [&](const std::shared_ptr<broker::replication::Partition>& partition) {
        auto& log = partition->log();
        sound = sound && !log.is_offline() && log.damage().empty();
        for (auto from = log.log_start_offset(); sound && from < log.log_end_offset();) {
          const auto slice = log.read(from, 1U << 20, log.log_end_offset(), true);
          sound = slice && (slice->empty() || log.verify(*slice));
          if (!slice || slice->empty()) break;
          from = slice->next_offset;
        }
      });
  disk.suspend_faults(false);
  return sound;
}

void Atlas::look() {
  std::erase_if(damaged_, [&](HostId node) { return is_whole(node); });
}

}  // namespace sluice::sim

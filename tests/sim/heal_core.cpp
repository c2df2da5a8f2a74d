#include <algorithm>
#include <set>

#include "tests/sim/simulation.hpp"

// A part of a broken cluster that is enough must go on by itself, whatever has become of the rest.

namespace sluice::sim {

using broker::controller::PartitionImage;
using broker::controller::TopicImage;

/// With `left_out` gone there are voters enough, and of every partition replicas that may lead and acknowledge.
bool Simulation::is_enough_without(const std::set<HostId>& left_out) const {
  const auto is_left_out = [&](BrokerId id) { return left_out.contains(id.value()); };
  for (const auto& [id, node] : world_->nodes) {
    if (!node->is_up()) continue;
    const auto& voters = node->process().quorum().raft().log().configuration().voters();
    const auto gone = std::ranges::count_if(voters, [&](const auto& voter) { return is_left_out(voter.node); });
    if (static_cast<std::size_t>(gone) * 2 >= voters.size()) return false;
  }
  const auto& image = world_->watchers->metadata.latest();
  const auto may_lead = [&](BrokerId id) {
    if (is_left_out(id)) return false;
    auto& node = world_->node(id.value());
    const auto* broker = image.find_broker(id);
    return node.is_up() && node.process().serves() && !node.is_paused() && broker != nullptr && broker->is_active();
  };
  bool is_enough = true;
  image.for_each_topic([&](const TopicImage& topic) {
    for (const auto& partition : topic.partitions) {
      const auto gone = std::ranges::count_if(partition.replicas, is_left_out);
      const auto left = static_cast<int>(partition.replicas.size()) - static_cast<int>(gone);
      const bool has_leader = std::ranges::any_of(partition.isr, may_lead);
      is_enough = is_enough && has_leader && left >= world_->settings.min_in_sync;
    }
  });
  return is_enough;
}

/// After the faults a part of the nodes, drawn by chance, stays away: the others are whole again, and must take writes
/// to every partition and to the metadata. Not where something is damaged, which needs all; nor where the death of a
/// process is like a loss of power (durability=os).
void Simulation::heal_core() {
  if (!atlas_.damaged().empty() || world_->settings.durability != broker::config::Durability::fsync) return;
  calm();
  run_for(world_->settings.controller.session_timeout + 2 * world_->settings.lag_max + 5s);
  if (!atlas_.damaged().empty()) return;
  std::vector<HostId> candidates;
  for (const auto& [id, node] : world_->nodes) candidates.push_back(id);
  random_.shuffle(candidates);
  std::set<HostId> left_out;
  for (const auto id : candidates) {
    auto more = left_out;
    more.insert(id);
    if (is_enough_without(more)) left_out = std::move(more);
  }
  if (left_out.empty()) return;
  ++counts_["cores healed"];
  for (const auto id : left_out) {
    world_->trace.note("left out", id);
    world_->node(id).die(Death::killed);
  }
  const auto start_core = [&] {
    for (auto& [id, node] : world_->nodes) {
      if (!left_out.contains(id) && !node->is_up()) node->start();
    }
  };
  start_core();
  await("a core that is enough has a controller", [&] { return quorum_leader() != nullptr; });
  const auto commit = world_->watchers->quorum.commit_index();
  std::map<Key, Offset> ends;
  const auto end_of = [&](const Target& target) { return world_->watchers->replicas.committed_end(target.partition); };
  for (const auto& topic : topics_) {
    if (topic.deleted) continue;
    for (const auto& target : targets_of(topic)) ends[target.key] = end_of(target);
  }
  write_command_somewhere();
  await("a core that is enough commits commands and records", [&] {
    start_core();
    if (world_->watchers->quorum.commit_index() <= commit) write_command_somewhere();
    bool has_more = world_->watchers->quorum.commit_index() > commit;
    for (const auto& topic : topics_) {
      if (topic.deleted) continue;
      for (const auto& target : targets_of(topic)) {
        const auto before = ends.find(target.key);
        has_more = has_more && (before == ends.end() || end_of(target) > before->second);
      }
    }
    return has_more;
  });
}

}  // namespace sluice::sim

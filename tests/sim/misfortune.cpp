#include <algorithm>

#include "tests/sim/simulation.hpp"

// What befalls a simulated cluster.

namespace sluice::sim {

void Simulation::schedule_misfortune() {
  const auto wait = random_.within(faults_.interval_mean * 2) + 100ms;
  world_->scheduler.after(wait, [this] {
    if (is_healed_) return;
    atlas_.look();
    befall();
    schedule_misfortune();
  });
}

Node* Simulation::victim(bool up) {
  if (up && random_.percent(faults_.leader_percent)) {
    if (random_.percent(40)) return quorum_leader();
    if (!topics_.empty()) {
      const auto& topic = random_.pick(topics_);
      if (auto* node = partition_leader(topic.name, static_cast<int>(random_.roll(topic.partitions)))) return node;
    }
  }
  auto& node = world_->node(static_cast<HostId>(1 + random_.roll(world_->settings.nodes)));
  return node.is_up() == up ? &node : nullptr;
}

void Simulation::start_later(Node& node, Duration max) {
  world_->scheduler.after(random_.within(max) + 10ms, [this, &node] {
    if (!node.is_up() && !is_healed_) node.start();
  });
}

void Simulation::befall() {
  auto choice = random_.roll(faults_.total());
  const auto is = [&](int weight, const char* what) {
    choice -= weight;
    if (choice >= 0 || choice < -weight) return false;
    ++counts_[what];
    return true;
  };
  auto* node = victim();
  if (node == nullptr) return;
  const auto now = world_->scheduler.now();
  if (is(faults_.kills, "kill")) {
    if (!atlas_.may_be_away(node->id())) return;
    node->die(Death::killed);
    return start_later(*node, faults_.down_max);
  }
  if (is(faults_.power_losses, "power loss")) {
    if (!atlas_.may_lose_unsynced(node->id())) return;
    if (world_->settings.durability != broker::config::Durability::fsync) atlas_.note_damaged(node->id());
    node->die(Death::power_loss);
    return start_later(*node, faults_.down_max);
  }
  if (is(faults_.disk_deaths, "disk death")) {
    if (!atlas_.may_lose_unsynced(node->id())) return;
    if (world_->settings.durability != broker::config::Durability::fsync) atlas_.note_damaged(node->id());
    node->die_at_disk_call(1 + static_cast<std::uint64_t>(random_.roll(60)));
    return start_later(*node, faults_.down_max + 2s);
  }
  if (is(faults_.clean_stops, "clean stop")) {
    if (!atlas_.may_be_away(node->id())) return;
    node->stop(random_.one_of<Duration>({1s, 10s, 30s}));
    return start_later(*node, faults_.down_max + 15s);
  }
  if (is(faults_.mass_power_losses, "mass power loss")) return lose_power_of_many();
  if (is(faults_.pauses, "pause")) {
    if (atlas_.may_be_away(node->id())) node->pause(random_.within(faults_.cut_max));
    return;
  }
  if (is(faults_.partitions + faults_.one_way_cuts + faults_.ring_cuts, "cut")) return cut_some();
  if (is(faults_.clogs, "clog")) {
    for (const auto& [id, other] : world_->nodes) {
      if (random_.percent(50)) world_->network.clog(node->id(), id, now + random_.within(faults_.cut_max));
    }
    return;
  }
  if (is(faults_.resets, "reset")) return world_->network.reset_connections(node->id(), 50);
  if (is(faults_.disk_stalls, "disk stall")) return node->stall_disk(now + random_.within(faults_.cut_max / 2));
  if (is(faults_.disk_errors, "disk error")) return fail_disk(*node);
  if (is(faults_.wipes, "wipe")) {
    if (atlas_.may_lose_disk(node->id())) {
      atlas_.note_damaged(node->id());
      wipe_and_restart(*node);
    }
    return;
  }
  if (is(faults_.bit_rots, "bit rot")) return rot(*node);
  if (is(faults_.clock_jumps, "clock jump")) return node->clock().jump_wall(random_.roll(7'200'000) - 3'600'000);
  if (is(faults_.voter_changes, "voter change")) return change_voters();
  if (is(faults_.transfers, "transfer")) {
    auto* leader = quorum_leader();
    if (leader == nullptr) return;
    leader->run(
        [&](Process& process) { (void)process.quorum().raft().transfer(node->broker_id(), leader->clock().now()); });
    return;
  }
  if (is(faults_.snapshots, "snapshot by hand")) {
    node->run([](Process& process) { process.quorum().take_snapshot(); });
  }
}

void Simulation::cut_some() {
  auto choice = random_.roll(faults_.partitions + faults_.one_way_cuts + faults_.ring_cuts);
  std::vector<HostId> hosts;
  for (const auto& [id, node] : world_->nodes) hosts.push_back(id);
  random_.shuffle(hosts);
  auto& network = world_->network;
  if ((choice -= faults_.partitions) < 0) {
    const auto size = 1 + random_.index(hosts.size());
    for (std::size_t i = 0; i < size; ++i) {
      for (std::size_t j = size; j < hosts.size(); ++j) {
        network.cut(hosts[i], hosts[j]);
        network.cut(hosts[j], hosts[i]);
      }
    }
    if (random_.percent(30)) {  // clients see one side only
      for (HostId client = kFirstClient; client < next_client_; ++client) {
        network.cut(client, hosts[0]);
        network.cut(hosts[0], client);
      }
    }
  } else if ((choice -= faults_.one_way_cuts) < 0) {
    for (std::size_t i = 1; i < hosts.size(); ++i) {
      if (random_.percent(70)) network.cut(hosts[0], hosts[i]);
    }
  } else {
    // Each talks to its neighbours alone.
    for (std::size_t i = 0; i < hosts.size(); ++i) {
      for (std::size_t j = 0; j < hosts.size(); ++j) {
        const auto distance = (i + hosts.size() - j) % hosts.size();
        if (distance > 1 && distance + 1 < hosts.size()) network.cut(hosts[i], hosts[j]);
      }
    }
  }
  world_->trace.note("cut", 0);
  world_->scheduler.after(random_.within(faults_.cut_max) + 10ms, [this] {
    world_->trace.note("cuts end", 0);
    world_->network.heal_cuts();
  });
}

void Simulation::lose_power_of_many() {
  if (world_->settings.durability != broker::config::Durability::fsync) return;
  const bool all = random_.percent(40);
  for (auto& [id, node] : world_->nodes) {
    if (!node->is_up() || (!all && random_.percent(50))) continue;
    node->die(Death::power_loss);
    start_later(*node, faults_.down_max);
  }
}

/// Some call to the disk fails, and the process with it; when it is started again the disk works.
void Simulation::fail_disk(Node& node) {
  if (!atlas_.may_lose_unsynced(node.id())) return;
  if (world_->settings.durability != broker::config::Durability::fsync) atlas_.note_damaged(node.id());
  const auto operation = random_.one_of<std::optional<storage::Operation>>(
      {storage::Operation::write, storage::Operation::sync, storage::Operation::open, std::nullopt});
  node.disk().inject({.operation = operation,
                      .path_contains = {},
                      .nth = 1 + static_cast<std::uint64_t>(random_.roll(30)),
                      .repeat = random_.percent(50) ? 1U : 3U,
                      .error = random_.one_of<int>({EIO, EIO, ENOSPC}),
                      .stored_bytes = static_cast<std::size_t>(random_.roll(200))});
  node.note_danger();
  start_later(node, faults_.down_max + 5s);
  world_->scheduler.after(faults_.down_max + 5s, [&node] { node.calm_disk(); });
}

/// Bits turn on a disk while its machine is off. Whether that is noticed at once or later, nothing wrong may be told.
void Simulation::rot(Node& node) {
  if (!atlas_.may_lose_disk(node.id())) return;
  node.die(random_.percent(50) ? Death::killed : Death::power_loss);
  if (node.is_up()) return;
  atlas_.note_damaged(node.id());
  world_->watchers->replicas.note_wiped(node.id());
  auto& disk = node.disk();
  std::vector<std::string> files;
  const auto gather = [&](auto& self, const std::string& directory) -> void {
    const auto listed = disk.list(directory);
    if (!listed) return;
    for (const auto& entry : *listed) {
      const auto path = directory + "/" + entry.name;
      if (entry.is_directory) {
        self(self, path);
      } else {
        files.push_back(path);
      }
    }
  };
  gather(gather, "/data");
  for (int hits = 0; hits < 3 && !files.empty(); ++hits) {
    const auto& path = random_.pick(files);
    auto file = disk.open(path, storage::OpenMode::existing);
    const auto size = file ? (*file)->size() : Result<std::uint64_t>{0};
    if (!size || *size == 0) continue;
    const auto position = static_cast<std::uint64_t>(random_.roll(static_cast<std::int64_t>(*size)));
    std::array<std::byte, 1> byte{};
    if (!(*file)->read_at(position, byte)) continue;
    byte[0] ^= std::byte{static_cast<unsigned char>(1U << random_.roll(8))};
    (void)(*file)->write_at(position, ByteView{byte});
    (void)(*file)->sync_data();
    if (path.find("__cluster_metadata") != std::string::npos) world_->watchers->quorum.note_rotten(node.key());
    if (world_->trace.is_told()) world_->trace.tell(node.id(), "rot in " + path + " at " + std::to_string(position));
  }
  start_later(node, faults_.down_max);
}

/// Whoever has just been elected is asked for changes of voters before it may make one, and for two at once.
void Simulation::hurry_voter_changes(broker::raft::Term known) {
  world_->scheduler.after(15ms, [this, known] {
    if (is_healed_) return;
    auto* leader = quorum_leader();
    const auto term = leader == nullptr ? known : leader->process().quorum().raft().term();
    if (term != known) {
      change_voters();
      change_voters();
    }
    hurry_voter_changes(term);
  });
}

void Simulation::change_voters() {
  auto* leader = quorum_leader();
  if (leader == nullptr) return;
  auto& other = world_->node(static_cast<HostId>(1 + random_.roll(world_->settings.nodes)));
  leader->run([&](Process& process) {
    auto& raft = process.quorum().raft();
    const auto& voters = raft.log().configuration();
    const auto now = leader->clock().now();
    if (voters.has(other.key())) {
      // With one of the others lost for good, those that remain could be too few.
      const bool is_needed = std::ranges::any_of(atlas_.damaged(), [&](HostId id) { return id != other.id(); });
      if (voters.voters().size() > 1 && !is_needed) (void)raft.remove_voter(other.key(), now);
    } else {
      (void)raft.add_voter(other.key(), now);
    }
  });
}

}  // namespace sluice::sim

#include <algorithm>
#include <sstream>

#include "tests/sim/clients/checker.hpp"
#include "tests/sim/simulation.hpp"

// How a simulated cluster becomes whole again, and whether it does.

namespace sluice::sim {

using broker::controller::PartitionImage;
using broker::controller::TopicImage;
using broker::raft::Role;

void Simulation::wipe_and_restart(Node& node) {
  if (node.is_up()) node.die(Death::killed);
  if (node.is_up()) return;
  node.wipe();
  world_->scheduler.after(2s, [&node] {
    if (!node.is_up()) node.start();
  });
}

/// What an operator does: voters whose disks are gone are replaced, disks that rotted are too.
void Simulation::mend() {
  world_->scheduler.after(3s, [this] { mend(); });
  atlas_.look();
  for (const auto id : std::set<HostId>{atlas_.damaged()}) {
    auto& node = world_->node(id);
    if (!node.is_up()) {
      if (node.complaint().empty()) continue;
      // A call to its disk may have failed this once.
      if (tried_again_.insert(id).second) {
        node.start();
      } else {
        wipe_and_restart(node);
      }
      continue;
    }
    if (node.process().serves()) tried_again_.erase(id);
    if (node.process().serves() && !atlas_.is_sound(id) && atlas_.may_be_replaced(id)) {
      ++counts_["rot found"];
      wipe_and_restart(node);
    }
  }
  auto* leader = quorum_leader();
  if (leader == nullptr) return;
  leader->run([&](Process& process) {
    auto& raft = process.quorum().raft();
    const auto& voters = raft.log().configuration();
    const auto now = leader->clock().now();
    for (const auto& voter : voters.voters()) {
      const bool exists = !voter.is_pinned() || world_->node(voter.node.value()).key() == voter;
      if (!exists && voters.voters().size() > 1) {
        (void)raft.remove_voter(voter, now);
        return;
      }
    }
    if (static_cast<int>(voters.voters().size()) >= world_->settings.voters) return;
    for (HostId id = 1; id <= world_->settings.voters; ++id) {
      auto& node = world_->node(id);
      if (node.is_up() && voters.find(node.broker_id()) == nullptr) {
        (void)raft.add_voter(node.key(), now);
        return;
      }
    }
  });
}

/// Nothing more befalls anybody, and nothing holds the network or a disk back.
void Simulation::calm() {
  is_healed_ = true;
  world_->network.set_weather({});
  world_->network.heal_cuts();
  for (auto& [id, node] : world_->nodes) {
    node->calm_disk();
    node->stall_disk(Instant{0});
  }
}

void Simulation::heal() {
  world_->trace.note("heal", 0);
  calm();
  for (auto& producer : producers_) producer->stop();
  for (auto& [id, node] : world_->nodes) {
    if (!node->is_up()) node->start();
  }
}

bool Simulation::has_converged(std::string* why) const {
  std::ostringstream out;
  const auto& image = world_->watchers->metadata.latest();
  const auto commit = world_->watchers->quorum.commit_index();
  bool has_leader = false;
  for (const auto& [id, node] : world_->nodes) {
    if (!node->is_up()) {
      out << "node " << id << " is down (" << node->complaint() << "); ";
      continue;
    }
    auto& raft = node->process().quorum().raft();
    has_leader = has_leader || raft.role() == Role::leader;
    if (raft.log().commit_index() != commit) {
      out << "node " << id << " has committed " << raft.log().commit_index() << " of " << commit << "; ";
    }
    const auto* broker = image.find_broker(BrokerId{id});
    if (!node->process().serves()) out << "node " << id << " does not serve; ";
    if (broker == nullptr || broker->fenced) out << "node " << id << " is fenced; ";
  }
  if (!has_leader) out << "the quorum has no leader; ";
  image.for_each_topic([&](const TopicImage& topic) {
    for (const auto& partition : topic.partitions) {
      const auto name = topic.name + "-" + std::to_string(partition.partition.value());
      if (partition.leader == kNoBroker) out << name << " has no leader; ";
      if (partition.isr.size() != partition.replicas.size()) {
        out << name << " has " << partition.isr.size() << " in sync of " << partition.replicas.size() << "; ";
      }
      std::optional<Offset> end;
      for (const auto replica : partition.replicas) {
        auto& node = world_->node(replica.value());
        const auto found = node.is_up() ? node.process().replicas().find({topic.id, partition.partition}) : nullptr;
        if (!found) {
          out << name << " is not on " << replica << "; ";
          continue;
        }
        if (found->log_end_offset() != end.value_or(found->log_end_offset()) ||
            found->high_watermark() != found->log_end_offset()) {
          out << name << " on " << replica << " is at " << found->high_watermark() << " of " << found->log_end_offset()
              << "; ";
        }
        end = found->log_end_offset();
      }
    }
  });
  for (const auto& producer : producers_) {
    if (!producer->is_done()) out << producer->describe();
  }
  if (why != nullptr) *why = out.str();
  return out.str().empty();
}

void Simulation::heal_and_check() {
  heal();
  for (int tries = 0; tries < 100; ++tries) {
    run_until([this] { return has_converged(); }, 3s);
    for (auto& [id, node] : world_->nodes) {
      if (!node->is_up()) node->start();
    }
    if (has_converged()) break;
  }
  await(
      "everything converges after healing", [this] { return has_converged(); }, 10s);
  read_everything();
  check_end();
}

void Simulation::read_everything() {
  auto reader = std::make_unique<Consumer>(*world_, add_client(), history_, true);
  std::map<Key, Offset> ends;
  for (const auto& topic : topics_) {
    if (topic.deleted) continue;
    for (const auto& target : targets_of(topic)) {
      reader->set_targets({target});
      ends[target.key] = world_->watchers->replicas.committed_end(target.partition);
    }
  }
  reader->run(20ms);
  if (!run_until([&] { return reader->has_reached(ends); }, 2min)) {
    throw Violation("it comes to pass in time: everything can be read; " + reader->describe_missing(ends));
  }
  reader->stop();
  consumers_.push_back(std::move(reader));
}

void Simulation::check_end() {
  std::vector<Node*> nodes;
  for (auto& [id, node] : world_->nodes) nodes.push_back(node.get());
  world_->watchers->replicas.check_replicas_agree(nodes);
  std::set<Key> deleted;
  for (const auto& topic : topics_) {
    if (!topic.deleted) continue;
    for (const auto& target : targets_of(topic)) deleted.insert(target.key);
  }
  const auto findings = check(history_, [&](const Key& key) {
    return Promises{.exactly_once = key.starts_with("clean-"),
                    .may_lose = key.starts_with("lossy-") || deleted.contains(key)};
  });
  counts_["acknowledged"] += acknowledged();
  counts_["polled"] += history_.polls.size();
  counts_["commands"] += static_cast<std::uint64_t>(world_->watchers->quorum.commit_index().value());
  counts_["quorum leaders"] += world_->watchers->quorum.leaders();
  counts_["leader elections"] += world_->watchers->replicas.elections();
  counts_["batches committed"] += world_->watchers->replicas.committed_batches();
  if (findings.empty()) return;
  std::ostringstream out;
  out << "history: " << findings.size() << " anomalies, the first: " << findings.front();
  throw Violation(out.str());
}

}  // namespace sluice::sim

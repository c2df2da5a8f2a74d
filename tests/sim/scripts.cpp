#include "tests/sim/scripts.hpp"

#include <array>

namespace sluice::sim {
namespace {

Plan calm_plan() {
  Settings settings;
  settings.nodes = settings.voters = settings.replication = 3;
  settings.min_in_sync = 1;
  settings.topics = 1;
  settings.partitions_max = 1;
  settings.controller.new_cluster_id = "simulated";
  settings.raft.election_timeout = 1s;
  settings.raft.heartbeat_interval = 100ms;
  settings.raft.lease_reads = true;
  return {.settings = settings, .faults = FaultPlan{}, .weather = NetworkWeather{}, .produce_interval = 1s};
}

Plan slow_follower_plan() {
  auto plan = calm_plan();
  plan.settings->lag_max = std::chrono::milliseconds{2000};
  plan.settings->fetch.partition_bytes_max = 100;  // a batch at a time
  plan.weather->delay_min = 100ms;
  plan.weather->delay_max = 150ms;
  plan.produce_interval = 50ms;
  return plan;
}

/// Followers that fetch all the time, and get less than their leader takes from producers that don't wait for them.
void play_slow_follower(Simulation& simulation) {
  simulation.start();
  simulation.create_topic("lossy-1", 1, true);
  simulation.await("the topic is there", [&] { return simulation.partition("lossy-1") != nullptr; });
  simulation.await("who falls behind for good leaves the ISR, though it fetches",
                   [&] { return simulation.partition("lossy-1")->isr.size() == 1; });
  simulation.heal_and_check();
}

/// The three voters by what they are at the moment.
struct Voters {
  Node& leader;
  Node& second;
  Node& third;
};

Voters voters_of(Simulation& simulation) {
  simulation.await("the quorum has a leader", [&] { return simulation.quorum_leader() != nullptr; });
  simulation.run_for(3s);
  auto& leader = *simulation.quorum_leader();
  return {leader, simulation.node(1 + leader.id() % 3), simulation.node(1 + (leader.id() + 1) % 3)};
}

/// The others go on, commit, and the one that led is asked what it takes for committed.
void ask_the_old_one(Simulation& simulation, Node& old, const std::vector<Node*>& others) {
  for (int step = 0; step < 200; ++step) {
    for (auto* other : others) {
      if (other->process().quorum().raft().role() == broker::raft::Role::leader) simulation.write_command(other->id());
    }
    old.run([](Process& process) { process.quorum().read(); });
    simulation.run_for(10ms);
  }
  simulation.world().network.heal_cuts();
  simulation.run_for(3s);
}

void mute_towards(Simulation& simulation, const Node& from, const Node& to) {
  simulation.world().network.cut(from.id(), to.id());
}

/// Cut off from the others altogether.
void play_isolated_reader(Simulation& simulation) {
  simulation.start();
  for (int round = 0; round < 3; ++round) {
    auto [leader, second, third] = voters_of(simulation);
    for (auto* other : {&second, &third}) {
      mute_towards(simulation, *other, leader);
      mute_towards(simulation, leader, *other);
    }
    simulation.run_for(1s);
    ask_the_old_one(simulation, leader, {&second, &third});
  }
  simulation.heal_and_check();
}

/// It hands over, and does not hear how that goes.
void play_reader_that_hands_over(Simulation& simulation) {
  simulation.start();
  for (int round = 0; round < 5; ++round) {
    auto [leader, second, third] = voters_of(simulation);
    leader.run(
        [&](Process& process) { (void)process.quorum().raft().transfer(second.broker_id(), leader.clock().now()); });
    mute_towards(simulation, second, leader);
    mute_towards(simulation, third, leader);
    ask_the_old_one(simulation, leader, {&second, &third});
  }
  simulation.heal_and_check();
}

/// One that does not hear the leader asks another, who does, for its vote.
void play_reader_with_a_rival(Simulation& simulation) {
  simulation.start();
  for (int round = 0; round < 5; ++round) {
    auto [leader, second, third] = voters_of(simulation);
    mute_towards(simulation, leader, third);
    mute_towards(simulation, third, leader);
    const auto rules = [&rival = third] {
      return rival.process().quorum().raft().role() == broker::raft::Role::leader;
    };
    for (int step = 0; step < 3000 && !rules(); ++step) simulation.run_for(1ms);
    mute_towards(simulation, second, leader);
    ask_the_old_one(simulation, leader, {&second, &third});
  }
  simulation.heal_and_check();
}

constexpr std::array kScripts{
    Script{"slow follower", slow_follower_plan, play_slow_follower},
    Script{"isolated reader", calm_plan, play_isolated_reader},
    Script{"reader that hands over", calm_plan, play_reader_that_hands_over},
    Script{"reader with a rival", calm_plan, play_reader_with_a_rival},
};

}  // namespace

std::span<const Script> scripts() noexcept { return kScripts; }

}  // namespace sluice::sim

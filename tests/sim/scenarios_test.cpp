#include <catch2/catch.hpp>
#include <spdlog/spdlog.h>

#include "tests/sim/scripts.hpp"
#include "tests/sim/simulation.hpp"

// Bugs that other systems had, each as a short script: what went wrong there must go right here. The names are those of
// the reports. Every one ends with a healed cluster, whose history and replicas are checked.

namespace sluice::sim {
namespace {

using broker::raft::Role;

/// Calm weather and no misfortunes but those of the script.
Plan calm(int nodes, int replication, int min_in_sync) {
  Settings settings;
  settings.nodes = nodes;
  settings.voters = std::min(nodes, 3);
  settings.replication = replication;
  settings.min_in_sync = min_in_sync;
  settings.topics = 1;
  settings.partitions_max = 1;
  settings.controller.new_cluster_id = "simulated";
  settings.controller.session_timeout = std::chrono::milliseconds{3000};
  settings.lifecycle.heartbeat_interval = std::chrono::milliseconds{600};
  settings.lag_max = std::chrono::milliseconds{3000};
  return {.settings = settings, .faults = FaultPlan{}, .weather = NetworkWeather{}, .produce_interval = 100ms};
}

struct Scenario : Simulation {
  explicit Scenario(Plan plan) : Simulation(7, std::move(plan)) {
    spdlog::set_level(spdlog::level::off);
    start();
    await("somebody writes", [&] { return acknowledged() > 20; });
  }
  Node& leader() {
    await("the partition has a leader", [&] { return partition_leader() != nullptr; });
    return *partition_leader();
  }
  /// One that has a replica, and does not lead.
  Node& follower(int nth = 0) {
    for (const auto id : partition()->replicas) {
      if (id != partition()->leader && nth-- == 0) return node(id.value());
    }
    throw Violation("scenario: there is no such follower");
  }
  void isolate(Node& from) {
    for (auto& [id, other] : world().nodes) {
      if (id == from.id()) continue;
      world().network.cut(id, from.id());
      world().network.cut(from.id(), id);
    }
  }
  void await_another_leader(const Node& than) {
    await("another leads", [&] { return partition()->leader != kNoBroker && partition()->leader != than.broker_id(); });
  }
  void await_progress() {
    const auto before = acknowledged();
    await("writes go on", [&] { return acknowledged() > before + 20; });
  }
};

void expect_good(const std::function<void(Scenario&)>& script, Plan plan) {
  std::string broken;
  std::string events;
  try {
    Scenario scenario{std::move(plan)};
    try {
      script(scenario);
      scenario.heal_and_check();
    } catch (const Violation&) {
      events = scenario.describe_failure();
      throw;
    }
  } catch (const Violation& violation) {
    broken = violation.what();
  }
  INFO(events);
  CHECK(broken == "");
}

}  // namespace

TEST_CASE("KAFKA-1211, KIP-101: two fast failovers with lagging high watermarks lose nothing", "[sim][scenario]") {
  expect_good(
      [](Scenario& s) {
        auto& first = s.leader();
        first.die(Death::power_loss);
        s.await_another_leader(first);
        auto& second = s.leader();
        first.start();
        s.run_for(300ms);
        second.die(Death::power_loss);
        s.run_for(200ms);
        second.start();
        s.await_progress();
      },
      calm(3, 3, 2));
}

TEST_CASE("KAFKA-6361, KIP-279: epochs that one side never knew are cut away", "[sim][scenario]") {
  expect_good(
      [](Scenario& s) {
        for (int round = 0; round < 3; ++round) {
          auto& leader = s.leader();
          s.isolate(leader);
          s.run_for(1s);  // it appends what nobody else has
          s.await_another_leader(leader);
          auto& next = s.leader();
          s.isolate(next);
          s.run_for(500ms);
          s.world().network.heal_cuts();
          s.await_progress();
        }
      },
      calm(5, 3, 1));
}

TEST_CASE("KAFKA-14704, KAFKA-9491: who is cut back does not believe in a high watermark beyond its log",
          "[sim][scenario]") {
  expect_good(
      [](Scenario& s) {
        auto& leader = s.leader();
        s.isolate(leader);
        s.run_for(1s);
        s.await_another_leader(leader);
        s.await_progress();
        s.world().network.heal_cuts();
        s.run_for(50ms);
        leader.die(Death::killed);
        leader.start();
        s.await_progress();
      },
      calm(3, 3, 1));
}

TEST_CASE("KIP-966, nats#7567: the last member of the ISR loses its tail and does not take it from the others",
          "[sim][scenario]") {
  expect_good(
      [](Scenario& s) {
        auto& leader = s.leader();
        s.follower(0).die(Death::power_loss);
        s.run_for(5s);
        s.follower(1).die(Death::power_loss);
        s.run_for(5s);
        leader.die(Death::power_loss);
        s.run_for(1s);
        for (auto& [id, node] : s.world().nodes) {
          if (!node->is_up()) node->start();
          s.run_for(2s);
        }
        s.await_progress();
      },
      calm(5, 3, 2));
}

TEST_CASE("KAFKA-12181, KIP-853: a voter that comes back with an empty disk is another voter", "[sim][scenario]") {
  expect_good(
      [](Scenario& s) {
        auto* leader = s.quorum_leader();
        auto& other = s.node(leader->id() == 1 ? 2 : 1);
        other.die(Death::power_loss);
        other.wipe();
        other.start();
        s.run_for(2s);
        s.quorum_leader()->die(Death::power_loss);
        s.run_for(10s);
      },
      calm(5, 3, 1));
}

TEST_CASE("KAFKA-17608, KAFKA-16530: the quorum's leader is removed from the voters", "[sim][scenario]") {
  expect_good(
      [](Scenario& s) {
        auto* leader = s.quorum_leader();
        leader->run([&](Process& process) {
          (void)process.quorum().raft().remove_voter(leader->key(), leader->clock().now());
        });
        s.await("another leads the quorum", [&] {
          const auto* now = s.quorum_leader();
          return now != nullptr && now != leader;
        });
        s.await_progress();
      },
      calm(4, 3, 2));
}

TEST_CASE("KAFKA-14618: whoever starts from a snapshot goes on right behind it", "[sim][scenario]") {
  auto plan = calm(3, 3, 2);
  plan.settings->snapshot_entries = 5;
  expect_good(
      [](Scenario& s) {
        for (int round = 0; round < 4; ++round) {
          auto& node = s.node(1 + round % 3);
          node.die(Death::power_loss);
          s.create_topic("plain-" + std::to_string(round), 1, false);
          s.run_for(5s);
          node.start();
          s.run_for(5s);
        }
      },
      plan);
}

TEST_CASE("KAFKA-15221: a fetch of the life before does not bring a restarted broker back in", "[sim][scenario]") {
  auto plan = calm(3, 3, 1);
  plan.weather->late_percent = 100;
  expect_good(
      [](Scenario& s) {
        for (int round = 0; round < 5; ++round) {
          auto& follower = s.follower(round % 2);
          s.world().network.cut(follower.id(), s.leader().id());
          s.run_for(300ms);
          follower.die(Death::power_loss);
          follower.start();
          s.world().network.heal_cuts();
          s.run_for(2s);
        }
      },
      plan);
}

TEST_CASE("KAFKA-10706, KAFKA-16541: epochs of elections without a record survive crashes", "[sim][scenario]") {
  auto plan = calm(3, 3, 1);
  plan.produce_interval = 5s;
  expect_good(
      [](Scenario& s) {
        for (int round = 0; round < 6; ++round) {
          auto& leader = s.leader();
          leader.die(round % 2 == 0 ? Death::power_loss : Death::killed);
          s.await_another_leader(leader);
          leader.start();
          s.run_for(3s);
        }
      },
      plan);
}

TEST_CASE("KAFKA-10471, KAFKA-15375: a stop on a failing disk leaves no word of a clean one", "[sim][scenario]") {
  expect_good(
      [](Scenario& s) {
        for (std::uint64_t calls = 1; calls < 40; calls += 6) {
          auto& leader = s.leader();
          leader.die_at_disk_call(calls);
          leader.stop(1s);
          s.run_for(3s);
          leader.die(Death::power_loss);
          if (!leader.is_up()) leader.start();
          s.await_progress();
        }
      },
      calm(3, 3, 2));
}

TEST_CASE("etcd#14370: a single node loses no write when its power fails", "[sim][scenario]") {
  expect_good(
      [](Scenario& s) {
        for (int round = 0; round < 10; ++round) {
          s.node(1).die(Death::power_loss);
          s.node(1).start();
          s.await_progress();
        }
      },
      calm(1, 1, 1));
}

TEST_CASE("everybody's power fails at once, and nothing acknowledged is lost", "[sim][scenario]") {
  expect_good(
      [](Scenario& s) {
        for (int round = 0; round < 4; ++round) {
          for (auto& [id, node] : s.world().nodes) node->die(Death::power_loss);
          s.run_for(1s);
          for (auto& [id, node] : s.world().nodes) node->start();
          s.await_progress();
        }
      },
      calm(3, 3, 2));
}

TEST_CASE("etcd#20418: a leader that was paused serves nothing of what was over when it wakes", "[sim][scenario]") {
  expect_good(
      [](Scenario& s) {
        for (int round = 0; round < 3; ++round) {
          auto& leader = s.leader();
          leader.pause(8s);
          s.await_another_leader(leader);
          s.await_progress();
          s.run_for(10s);
        }
      },
      calm(3, 3, 2));
}

TEST_CASE("who falls behind leaves the ISR though it fetches, and who led the quorum reads nothing that is over",
          "[sim][scenario]") {
  spdlog::set_level(spdlog::level::off);
  for (const auto& script : scripts()) {
    INFO(script.name);
    Simulation simulation{7, script.plan()};
    CHECK_NOTHROW(script.play(simulation));
  }
}

TEST_CASE("with the quorum lost, partitions go on with the leaders they have", "[sim][scenario]") {
  auto plan = calm(5, 2, 1);
  expect_good(
      [](Scenario& s) {
        auto& leader = s.leader();
        int left = 2;
        for (HostId id = 1; id <= 3 && left > 0; ++id) {
          if (id == leader.id() || s.partition()->is_in_sync(BrokerId{id})) continue;
          s.node(id).die(Death::killed);
          --left;
        }
        s.run_for(5s);
        const auto before = s.acknowledged();
        s.run_for(10s);
        require(s.acknowledged() > before || left > 0, "writes go on without a controller", left);
      },
      plan);
}

}  // namespace sluice::sim

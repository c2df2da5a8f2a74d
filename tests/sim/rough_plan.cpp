#include <algorithm>

#include "tests/sim/simulation.hpp"

namespace sluice::sim {

using std::chrono::milliseconds;

namespace {

Settings rough_settings(Random& random) {
  auto settings = draw_settings(random);
  settings.nodes = static_cast<int>(random.one_of<std::int64_t>({3, 3, 4, 5}));
  settings.voters = random.percent(80) ? 3 : settings.nodes;
  settings.raft.election_timeout = random.one_of<Duration>({200ms, 500ms, 1s});
  settings.raft.heartbeat_interval = settings.raft.election_timeout / 4;
  settings.raft.lease_reads = random.percent(50);
  settings.controller.session_timeout = random.one_of<milliseconds>({1s, 2s, 4s});
  settings.controller.leader_check_interval = random.one_of<milliseconds>({2s, 5s});
  settings.controller.imbalance_percent = 0;
  settings.lifecycle.heartbeat_interval = settings.controller.session_timeout / 4;
  settings.heartbeat_timeout = settings.controller.session_timeout / 2;
  settings.lag_max = random.one_of<milliseconds>({600ms, 1500ms, 4s});
  settings.fetch.wait_max = random.one_of<milliseconds>({100ms, 500ms});
  settings.snapshot_entries = random.one_of<std::int64_t>({10, 30, 200});
  settings.sync_max = random.one_of<Duration>({1ms, 20ms, 100ms});
  settings.publish_max = random.one_of<Duration>({1ms, 50ms, 500ms});
  settings.topics = 2;
  settings.partitions_max = 2;
  settings.replication = std::min(settings.nodes, static_cast<int>(random.one_of<std::int64_t>({2, 3, 3, 4})));
  settings.min_in_sync = static_cast<int>(1 + random.roll(std::max(1, settings.replication - 1)));
  settings.segment_bytes = static_cast<std::uint32_t>(random.one_of<std::int64_t>({1 << 10, 8 << 10, 1 << 20}));
  settings.segment_bytes_min = 1 << 10;
  settings.append_delay = random.one_of<Duration>({Duration{0}, 1ms, 20ms});
  return settings;
}

FaultPlan rough_faults(Random& random) {
  auto faults = draw_faults(random);
  // With sessions as short as here whoever has a new or a rotten disk may become the last in sync before that is known:
  // more than is promised.
  faults.wipes = faults.bit_rots = 0;
  faults.interval_mean = random.one_of<Duration>({400ms, 1s, 2s, 4s});
  faults.leader_percent = random.one_of<std::int64_t>({30, 60, 90});
  faults.down_max = random.one_of<Duration>({300ms, 2s, 6s});
  faults.cut_max = random.one_of<Duration>({500ms, 3s, 10s});
  faults.late_nodes = 0;
  return faults;
}

}  // namespace

Plan rough_plan(std::uint64_t seed) {
  Random random{seed ^ 0x726f756768ULL};
  Plan plan;
  plan.settings = rough_settings(random);
  plan.faults = rough_faults(random);
  plan.weather = draw_weather(random);
  plan.weather->late_percent = random.one_of<std::int64_t>({30, 100});
  plan.produce_interval = random.one_of<Duration>({30ms, 100ms, 300ms});
  plan.administer_interval = random.one_of<Duration>({50ms, 300ms, 1s});
  plan.read_interval = random.one_of<Duration>({20ms, 100ms});
  plan.heals_core_first = random.percent(50);
  return plan;
}

}  // namespace sluice::sim

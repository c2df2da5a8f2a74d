#include "tests/sim/faults/fault_plan.hpp"

namespace sluice::sim {

FaultPlan draw_faults(Random& random) {
  FaultPlan plan;
  plan.interval_mean = random.one_of<Duration>({4s, 8s, 15s, 40s});
  for (auto* weight : {&plan.kills, &plan.power_losses, &plan.disk_deaths, &plan.clean_stops, &plan.mass_power_losses,
                       &plan.pauses, &plan.partitions, &plan.one_way_cuts, &plan.ring_cuts, &plan.clogs, &plan.resets,
                       &plan.disk_stalls, &plan.disk_errors, &plan.wipes, &plan.bit_rots, &plan.clock_jumps,
                       &plan.voter_changes, &plan.transfers, &plan.snapshots}) {
    *weight = random.percent(40) ? 0 : static_cast<int>(1 + random.roll(6));
  }
  plan.leader_percent = random.one_of<std::int64_t>({0, 30, 60, 90});
  plan.down_max = random.one_of<Duration>({1s, 10s, 30s});
  plan.cut_max = random.one_of<Duration>({1s, 10s, 30s});
  plan.late_nodes = static_cast<int>(random.roll(3));
  return plan;
}

NetworkWeather draw_weather(Random& random) {
  NetworkWeather weather;
  weather.delay_min = random.one_of<Duration>({20us, 200us, 1ms, 5ms});
  weather.delay_max = weather.delay_min * random.one_of<std::int64_t>({2, 5, 20});
  weather.slow_per_mille = random.one_of<std::int64_t>({0, 2, 20});
  weather.late_percent = random.one_of<std::int64_t>({0, 30, 100});
  return weather;
}

}  // namespace sluice::sim

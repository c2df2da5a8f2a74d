#pragma once

#include "tests/sim/world/network.hpp"
#include "tests/sim/world/random.hpp"
#include "tests/sim/world/scheduler.hpp"

namespace sluice::sim {

/// What may go wrong in a run, and how often: drawn from its seed, every kind now and then not at all (swarm testing).
/// Weights are relative to each other.
struct FaultPlan {
  Duration interval_mean = 12s;  ///< from one misfortune to the next
  int kills = 0;
  int power_losses = 0;
  int disk_deaths = 0;  ///< the machine stops in the midst of its disk's calls
  int clean_stops = 0;
  int mass_power_losses = 0;  ///< of a minority or of all at once
  int pauses = 0;
  int partitions = 0;
  int one_way_cuts = 0;
  int ring_cuts = 0;
  int clogs = 0;
  int resets = 0;
  int disk_stalls = 0;
  int disk_errors = 0;
  int wipes = 0;
  int bit_rots = 0;
  int clock_jumps = 0;
  int voter_changes = 0;
  int transfers = 0;
  int snapshots = 0;
  std::int64_t leader_percent = 40;  ///< of misfortunes that befall a leader, of a partition or of the quorum
  Duration down_max = 20s;           ///< of what stops, until it starts again
  Duration cut_max = 20s;
  int late_nodes = 0;  ///< that join only later

  int total() const {
    return kills + power_losses + disk_deaths + clean_stops + mass_power_losses + pauses + partitions + one_way_cuts +
           ring_cuts + clogs + resets + disk_stalls + disk_errors + wipes + bit_rots + clock_jumps + voter_changes +
           transfers + snapshots;
  }
};

FaultPlan draw_faults(Random& random);
NetworkWeather draw_weather(Random& random);

}  // namespace sluice::sim

#pragma once

#include <chrono>

#include "broker/raft/raft_types.hpp"
#include "tests/sim/world/scheduler.hpp"

namespace sluice::sim {

/// A machine's clocks: the steady one starts anywhere and runs a little fast or slow; that of the day jumps.
class Clock {
 public:
  using SteadyPoint = std::chrono::steady_clock::time_point;

  Clock(const Scheduler& scheduler, std::int64_t drift_ppm, Duration offset)
      : scheduler_(scheduler), drift_ppm_(drift_ppm), offset_(offset) {}

  Instant steady() const {
    const auto now = scheduler_.now().count();
    return offset_ + Instant{now + now / 1'000'000 * drift_ppm_};
  }
  SteadyPoint point() const { return SteadyPoint{steady()}; }
  Timestamp wall() const { return Timestamp{kEpochMs + steady().count() / 1'000'000 + wall_jump_ms_}; }
  broker::raft::Now now() const { return {.wall = wall(), .steady = steady()}; }
  /// How long until the steady clock shows `deadline`: never too short.
  Duration until(Instant deadline) const {
    const auto left = deadline - steady();
    return left <= Duration{0} ? Duration{0} : left + left / 500 + Duration{1};
  }
  void jump_wall(std::int64_t ms) { wall_jump_ms_ += ms; }

 private:
  static constexpr std::int64_t kEpochMs = 1'700'000'000'000;

  const Scheduler& scheduler_;
  const std::int64_t drift_ppm_;
  const Duration offset_;
  std::int64_t wall_jump_ms_ = 0;
};

}  // namespace sluice::sim

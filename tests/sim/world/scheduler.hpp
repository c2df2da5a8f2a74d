#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <vector>

#include "tests/sim/world/random.hpp"

namespace sluice::sim {

using Instant = std::chrono::nanoseconds;  ///< since the beginning of the run
using Duration = std::chrono::nanoseconds;

using namespace std::chrono_literals;

/// Virtual time: what is to happen, and when. Idle time costs nothing. What happens at the same moment comes in an
/// order drawn from the seed.
class Scheduler {
 public:
  using Action = std::function<void()>;

  explicit Scheduler(Random random) : random_(random) {}

  Instant now() const noexcept { return now_; }
  std::uint64_t events() const noexcept { return events_; }
  void at(Instant time, Action action);
  void after(Duration delay, Action action) { at(now_ + delay, std::move(action)); }
  /// The next thing, if it is due by `end`; otherwise time is `end`.
  bool step(Instant end);

 private:
  struct Event {
    Instant at;
    std::uint64_t order;
    Action action;
  };
  static bool is_later(const Event& left, const Event& right) {
    return left.at != right.at ? left.at > right.at : left.order > right.order;
  }

  Random random_;
  std::vector<Event> queue_;  // a heap, the next one first
  std::uint64_t sequence_ = 0;
  Instant now_{0};
  std::uint64_t events_ = 0;
};

}  // namespace sluice::sim

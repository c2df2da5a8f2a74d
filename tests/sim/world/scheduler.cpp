#include "tests/sim/world/scheduler.hpp"

#include <algorithm>
#include <utility>

namespace sluice::sim {

void Scheduler::at(Instant time, Action action) {
  constexpr std::uint64_t kSequenceMask = (std::uint64_t{1} << 40) - 1;
  const auto order = (random_.next() & ~kSequenceMask) | (sequence_++ & kSequenceMask);
  queue_.push_back({std::max(time, now_), order, std::move(action)});
  std::push_heap(queue_.begin(), queue_.end(), is_later);
}

bool Scheduler::step(Instant end) {
  if (queue_.empty() || queue_.front().at > end) {
    now_ = std::max(now_, end);
    return false;
  }
  std::pop_heap(queue_.begin(), queue_.end(), is_later);
  auto event = std::move(queue_.back());
  queue_.pop_back();
  now_ = event.at;
  ++events_;
  event.action();
  return true;
}

}  // namespace sluice::sim

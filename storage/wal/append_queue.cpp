#include "storage/wal/append_queue.hpp"

#include <algorithm>
#include <thread>

namespace sluice::storage::wal {
namespace {

// An append takes a microsecond or two, a pause some 50 ns. A yield lets the one that appends run on, should it have
// lost its core.
constexpr int kSpins = 30;
constexpr int kYields = 50;

void pause() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#else
  std::atomic_signal_fence(std::memory_order_seq_cst);
#endif
}

}  // namespace

bool AppendQueue::enter(Ticket& ticket) {
  {
    const std::lock_guard lock{mutex_};
    queue_.push_back(&ticket);
    if (!appending_.load(std::memory_order_relaxed)) {
      appending_.store(true, std::memory_order_relaxed);
      take_group();
      return true;
    }
  }
  return await(ticket);
}

bool AppendQueue::await(Ticket& ticket) {
  for (int i = 0; i < kSpins + kYields; ++i) {
    if (ticket.state_.load(std::memory_order_acquire) == Ticket::done) return false;
    if (!appending_.load(std::memory_order_relaxed) && try_lead(ticket)) return true;
    if (i < kSpins)
      pause();
    else
      std::this_thread::yield();
  }
  {
    const std::lock_guard lock{mutex_};
    if (ticket.state_.load(std::memory_order_relaxed) == Ticket::done) return false;
    if (!appending_.load(std::memory_order_relaxed)) {
      appending_.store(true, std::memory_order_relaxed);
      take_group();
      return true;
    }
    ticket.state_.store(Ticket::parked, std::memory_order_relaxed);
  }
  ticket.state_.wait(Ticket::parked, std::memory_order_acquire);
  return ticket.state_.load(std::memory_order_acquire) == Ticket::leading;
}

bool AppendQueue::try_lead(Ticket& ticket) {
  const std::lock_guard lock{mutex_};
  if (appending_.load(std::memory_order_relaxed) || ticket.state_.load(std::memory_order_relaxed) == Ticket::done)
    return false;
  appending_.store(true, std::memory_order_relaxed);
  take_group();
  return true;
}

void AppendQueue::take_group() {
  group_.clear();
  std::size_t bytes = 0;
  for (auto* ticket : queue_) {
    bytes += ticket->bytes;
    if (bytes > group_bytes_max_ && !group_.empty()) break;
    group_.push_back(ticket);
  }
  queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(group_.size()));
}

bool AppendQueue::leave(Ticket& ticket) {
  bool mine = false;
  std::vector<Ticket*> sleeping;
  Ticket* next = nullptr;
  {
    const std::lock_guard lock{mutex_};
    for (auto* member : group_) {
      if (member == &ticket) {
        mine = true;
        continue;
      }
      // Once it is done and awake its owner may be gone: only a sleeper is touched again, to be woken.
      if (member->state_.exchange(Ticket::done, std::memory_order_acq_rel) == Ticket::parked)
        sleeping.push_back(member);
    }
    if (!mine) {
      take_group();
    } else if (!queue_.empty() && queue_.front()->state_.load(std::memory_order_relaxed) == Ticket::parked) {
      next = queue_.front();
      take_group();
      next->state_.store(Ticket::leading, std::memory_order_release);
    } else {
      appending_.store(false, std::memory_order_release);  // whoever spins takes over
    }
  }
  // The address alone is used, should a sleeper have left by a spurious wake-up.
  for (auto* member : sleeping) member->state_.notify_one();
  if (next != nullptr) next->state_.notify_one();
  return mine;
}

}  // namespace sluice::storage::wal

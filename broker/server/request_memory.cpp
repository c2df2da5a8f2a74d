#include "broker/server/request_memory.hpp"

#include <utility>

namespace sluice::broker {

bool RequestMemory::take(std::size_t size) noexcept {
  const auto wanted = static_cast<std::ptrdiff_t>(size);
  auto available = available_.load(std::memory_order_relaxed);
  for (;;) {
    const bool nothing_out = available == static_cast<std::ptrdiff_t>(budget_);
    if (available < wanted && !nothing_out) return false;
    if (available_.compare_exchange_weak(available, available - wanted, std::memory_order_acq_rel)) return true;
  }
}

bool RequestMemory::acquire(std::size_t size, Task retry) {
  if (take(size)) return true;
  const std::lock_guard lock{mutex_};
  anyone_waiting_.store(true, std::memory_order_seq_cst);
  if (take(size)) return true;  // released between the two looks: that release saw nobody waiting
  waiting_.push_back(std::move(retry));
  return false;
}

void RequestMemory::release(std::size_t size) {
  if (size == 0) return;
  available_.fetch_add(static_cast<std::ptrdiff_t>(size), std::memory_order_seq_cst);
  if (!anyone_waiting_.load(std::memory_order_seq_cst)) return;
  std::deque<Task> woken;
  {
    const std::lock_guard lock{mutex_};
    woken.swap(waiting_);
    anyone_waiting_.store(false, std::memory_order_seq_cst);
  }
  for (auto& retry : woken) retry();
}

void RequestMemory::forget_waiting() {
  std::deque<Task> dropped;
  const std::lock_guard lock{mutex_};
  waiting_.swap(dropped);
}

}  // namespace sluice::broker

#include "broker/housekeeping.hpp"

#include <algorithm>
#include <utility>

namespace sluice::broker {

void Housekeeping::every(std::chrono::milliseconds interval, Task job) {
  jobs_.push_back({interval, Clock::now() + interval, std::move(job)});
}

void Housekeeping::start() {
  if (jobs_.empty()) return;
  thread_ = std::thread([this] { run(); });
}

void Housekeeping::stop() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Housekeeping::run() {
  std::unique_lock lock{mutex_};
  while (!stopping_) {
    auto& next =
        *std::min_element(jobs_.begin(), jobs_.end(), [](const Job& a, const Job& b) { return a.due < b.due; });
    if (wake_.wait_until(lock, next.due, [this] { return stopping_; })) return;
    lock.unlock();
    next.work();
    next.due = Clock::now() + next.interval;
    lock.lock();
  }
}

}  // namespace sluice::broker

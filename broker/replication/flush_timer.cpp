#include "broker/replication/flush_timer.hpp"

#include <pthread.h>

namespace sluice::broker::replication {

void FlushTimer::add(const std::shared_ptr<Partition>& partition, Instant due) {
  const std::lock_guard lock{mutex_};
  if (stopping_) return;
  if (schedule_.add(due, partition)) wake_.notify_one();
  if (thread_.joinable()) return;
  thread_ = std::thread{[this] { run(); }};
  pthread_setname_np(thread_.native_handle(), "sluice-flush");
}

void FlushTimer::stop() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();  // nobody starts it any more
}

void FlushTimer::run() {
  std::unique_lock lock{mutex_};
  while (!stopping_) {
    if (const auto next = schedule_.take_due(std::chrono::steady_clock::now())) {
      lock.unlock();
      if (const auto partition = next->lock()) due_(partition);
      lock.lock();
    } else if (const auto due = schedule_.next_due()) {
      wake_.wait_until(lock, *due);
    } else {
      wake_.wait(lock);
    }
  }
}

}  // namespace sluice::broker::replication

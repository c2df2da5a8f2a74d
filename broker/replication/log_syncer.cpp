#include "broker/replication/log_syncer.hpp"

#include <chrono>
#include <pthread.h>

#include "broker/metrics/broker_metrics.hpp"
#include "broker/replication/partition.hpp"

namespace sluice::broker::replication {

LogSyncer::LogSyncer(unsigned threads, metrics::BrokerMetrics& metrics) : metrics_(metrics) {
  for (unsigned i = 0; i < threads; ++i) {
    threads_.emplace_back([this] { run(); });
    pthread_setname_np(threads_.back().native_handle(), "sluice-sync");
  }
}

LogSyncer::~LogSyncer() { stop(); }

void LogSyncer::stop() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  wake_.notify_all();
  for (auto& thread : threads_) thread.join();
  threads_.clear();
}

void LogSyncer::request(const std::shared_ptr<Partition>& partition) {
  using State = Partition::SyncState;
  // The caller's append must be visible to a sync that we find already queued: pairs with the exchange in sync().
  std::atomic_thread_fence(std::memory_order_seq_cst);
  auto state = partition->sync_state_.load(std::memory_order_acquire);
  for (;;) {
    if (state == State::queued || state == State::running_and_wanted) return;
    const auto next = state == State::idle ? State::queued : State::running_and_wanted;
    if (partition->sync_state_.compare_exchange_weak(state, next, std::memory_order_acq_rel)) break;
  }
  if (state == State::idle) push(partition);
}

void LogSyncer::push(std::shared_ptr<Partition> partition) {
  {
    const std::lock_guard lock{mutex_};
    queue_.push_back(std::move(partition));
  }
  wake_.notify_one();
}

void LogSyncer::sync(const std::shared_ptr<Partition>& partition) {
  using State = Partition::SyncState;
  partition->sync_state_.exchange(State::running, std::memory_order_seq_cst);
  const auto started = std::chrono::steady_clock::now();
  partition->sync_now();
  metrics_.log_sync_latency.observe(std::chrono::steady_clock::now() - started);
  auto expected = State::running;
  if (partition->sync_state_.compare_exchange_strong(expected, State::idle, std::memory_order_acq_rel)) return;
  partition->sync_state_.store(State::queued, std::memory_order_release);
  push(partition);
}

void LogSyncer::run() {
  std::unique_lock lock{mutex_};
  for (;;) {
    wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (queue_.empty()) return;
    const auto partition = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    sync(partition);
    lock.lock();
  }
}

}  // namespace sluice::broker::replication

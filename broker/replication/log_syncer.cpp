#include "broker/replication/log_syncer.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <pthread.h>
#include <spdlog/spdlog.h>
#include <system_error>

#include "broker/metrics/broker_metrics.hpp"
#include "broker/replication/partition.hpp"

namespace sluice::broker::replication {
namespace {

/// The data directory that a log's own lies in.
std::string_view data_directory(std::string_view log_directory) {
  const auto slash = log_directory.find_last_of('/');
  return slash == std::string_view::npos ? std::string_view{} : log_directory.substr(0, slash);
}

}  // namespace

LogSyncer::LogSyncer(unsigned threads_per_directory, metrics::BrokerMetrics& metrics)
    : threads_per_directory_(threads_per_directory),
      flushes_max_(std::max(std::size_t{threads_per_directory} / 4, std::size_t{1})),
      metrics_(metrics),
      timer_([](const std::shared_ptr<Partition>& partition) { partition->flush_due(); }) {}

LogSyncer::~LogSyncer() { stop(); }

void LogSyncer::stop() {
  timer_.stop();
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  // No lane and no thread is added any more.
  for (const auto& lane : lanes_) {
    lane->wake.notify_all();
    for (auto& thread : lane->threads) thread.join();
    lane->threads.clear();
  }
}

void LogSyncer::request(const std::shared_ptr<Partition>& partition) {
  using State = Partition::SyncState;
  auto state = partition->sync_state_.load(std::memory_order_relaxed);
  for (;;) {
    auto next = state;
    if (state == State::idle) next = State::queued;
    if (state == State::running) next = State::running_and_wanted;
    // A write even where nothing changes: the sync that we find queued begins by reading it, and so sees our append.
    if (partition->sync_state_.compare_exchange_weak(state, next, std::memory_order_acq_rel)) break;
  }
  if (state == State::idle) push(partition);
}

void LogSyncer::request_by(const std::shared_ptr<Partition>& partition, Instant due) { timer_.add(partition, due); }

void LogSyncer::push(const std::shared_ptr<Partition>& partition) {
  const std::lock_guard lock{mutex_};
  if (stopping_) return;
  auto& lane = lane_of(data_directory(partition->log().directory()));
  (partition->syncs_every_append() ? lane.awaited : lane.flushed).push_back(partition);
  if (lane.awaited.size() + flushes_to_start(lane) <= lane.idle) {
    lane.wake.notify_one();
  } else if (lane.threads.size() < threads_per_directory_) {
    add_thread(lane);
  }
}

LogSyncer::Lane& LogSyncer::lane_of(std::string_view directory) {
  for (const auto& lane : lanes_) {
    if (lane->directory == directory) return *lane;
  }
  auto& lane = *lanes_.emplace_back(std::make_unique<Lane>());
  lane.directory = directory;
  return lane;
}

void LogSyncer::add_thread(Lane& lane) {
  try {
    lane.threads.emplace_back([this, &lane] { run(lane); });
  } catch (const std::system_error& error) {
    if (lane.threads.empty()) throw;  // nobody would ever come
    spdlog::warn("directory={} sync_threads={} no more can be started: {}", lane.directory, lane.threads.size(),
                 error.what());
    return;
  }
  pthread_setname_np(lane.threads.back().native_handle(), "sluice-sync");
}

bool LogSyncer::sync(Partition& partition) {
  using State = Partition::SyncState;
  partition.sync_state_.exchange(State::running, std::memory_order_acq_rel);
  const auto started = std::chrono::steady_clock::now();
  partition.sync_now();
  metrics_.log_sync_latency.observe(std::chrono::steady_clock::now() - started);
  auto expected = State::running;
  if (partition.sync_state_.compare_exchange_strong(expected, State::idle, std::memory_order_acq_rel)) return false;
  partition.sync_state_.exchange(State::queued, std::memory_order_acq_rel);  // not a store: it reads who asked, too
  return true;
}

std::optional<SyncQueue::Instant> LogSyncer::oldest_sync() const {
  const std::lock_guard lock{mutex_};
  const auto oldest = std::ranges::min_element(under_way_);
  return oldest == under_way_.end() ? std::nullopt : std::optional{*oldest};
}

std::size_t LogSyncer::flushes_to_start(const Lane& lane) const noexcept {
  return std::min(lane.flushed.size(), flushes_max_ - lane.flushes);
}

LogSyncer::Wanted LogSyncer::take(Lane& lane) {
  Wanted next{.partition = {}, .is_awaited = !lane.awaited.empty()};
  auto& queue = next.is_awaited ? lane.awaited : lane.flushed;
  next.partition = std::move(queue.front());
  queue.pop_front();
  return next;
}

void LogSyncer::run(Lane& lane) {
  std::unique_lock lock{mutex_};
  for (;;) {
    while (!has_work(lane)) {
      if (stopping_) return;  // flushes beyond the most at once are left to the threads that are at them
      ++lane.idle;
      lane.wake.wait(lock);
      --lane.idle;
    }
    auto [partition, is_awaited] = take(lane);
    if (!is_awaited) ++lane.flushes;
    const auto began = std::chrono::steady_clock::now();
    under_way_.push_back(began);
    lock.unlock();
    const bool again = sync(*partition);
    const bool is_awaited_now = partition->syncs_every_append();
    if (!again) partition.reset();  // perhaps the last to hold it: not under the lock
    lock.lock();
    under_way_.erase(std::ranges::find(under_way_, began));
    if (!is_awaited) --lane.flushes;
    // Behind the others. Nobody is woken: this thread goes on.
    if (again) (is_awaited_now ? lane.awaited : lane.flushed).push_back(std::move(partition));
  }
}

}  // namespace sluice::broker::replication

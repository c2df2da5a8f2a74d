#include "broker/replication/append_waiters.hpp"

#include <algorithm>
#include <utility>

namespace sluice::broker::replication {

using protocol::ErrorCode;

std::optional<ErrorCode> AppendWaiters::add(Offset end, LeaderEpoch appended_in, Acknowledge& acknowledge,
                                            const std::atomic<std::int64_t>& high_watermark) {
  const std::lock_guard lock{mutex_};
  if (failed_) return failed_;
  if (appended_in != kNoLeaderEpoch && appended_in < leading_since_) return ErrorCode::not_leader_or_follower;
  if (high_watermark.load(std::memory_order_acquire) >= end.value()) return ErrorCode::none;
  // Two connections may append in one order and come here in the other.
  const auto at =
      std::find_if(waiting_.rbegin(), waiting_.rend(), [&](const Waiting& waiting) { return waiting.end <= end; });
  waiting_.insert(at.base(), {end, std::move(acknowledge)});
  return std::nullopt;
}

AppendWaiters::Due AppendWaiters::reach(Offset end, ErrorCode outcome) {
  std::vector<Acknowledge> reached;
  const std::lock_guard lock{mutex_};
  while (!waiting_.empty() && waiting_.front().end <= end) {
    reached.push_back(std::move(waiting_.front().acknowledge));
    waiting_.pop_front();
  }
  wake(consumers_);
  return {std::move(reached), outcome};
}

void AppendWaiters::on_append() {
  // Either the one who comes to wait sees our append when it looks again, or we see it wait.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (replicas_waiting_.load(std::memory_order_relaxed) == 0) return;
  const std::lock_guard lock{mutex_};
  wake(replicas_);
}

void AppendWaiters::open(LeaderEpoch epoch) {
  const std::lock_guard lock{mutex_};
  if (failed_) leading_since_ = epoch;
  failed_.reset();
}

AppendWaiters::Due AppendWaiters::fail(ErrorCode reason) {
  std::vector<Acknowledge> failed;
  const std::lock_guard lock{mutex_};
  failed_ = reason;
  for (auto& waiting : waiting_) failed.push_back(std::move(waiting.acknowledge));
  waiting_.clear();
  wake(consumers_);
  wake(replicas_);
  return {std::move(failed), reason};
}

void AppendWaiters::watch(Watch& watch) {
  const std::lock_guard lock{mutex_};
  if (watch.of_log_end) {
    replicas_.push_back(watch);
    replicas_waiting_.fetch_add(1, std::memory_order_seq_cst);
  } else {
    consumers_.push_back(watch);
  }
}

void AppendWaiters::unwatch(Watch& watch) noexcept {
  const std::lock_guard lock{mutex_};
  if (!watch.is_linked()) return;
  if (watch.of_log_end) {
    replicas_.erase(replicas_.iterator_to(watch));
    replicas_waiting_.fetch_sub(1, std::memory_order_relaxed);
  } else {
    consumers_.erase(consumers_.iterator_to(watch));
  }
}

void AppendWaiters::wake_watchers() {
  const std::lock_guard lock{mutex_};
  wake(consumers_);
  wake(replicas_);
}

void AppendWaiters::wake(Watches& watches) {
  for (auto& watch : watches) watch.waiter->on_progress();
}

}  // namespace sluice::broker::replication

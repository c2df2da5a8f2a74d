#include <algorithm>
#include <spdlog/spdlog.h>
#include <utility>

#include "broker/replication/partition.hpp"
#include "protocol/base/planted_bug.hpp"

// How a replica becomes its partition's leader, or another's follower.

namespace sluice::broker::replication {

using protocol::ErrorCode;

bool Partition::is_news(const controller::PartitionImage& image) const noexcept {
  if (is_stopped_) return false;
  if (!partition_epoch_) return true;
  return std::pair{image.leader_epoch, image.partition_epoch} > std::pair{leader_epoch(), *partition_epoch_};
}

Result<> Partition::apply(const controller::PartitionImage& image, Instant now) {
  AppendWaiters::Due due;
  Result<> done;
  {
    const std::unique_lock role{role_mutex_};
    if (!is_news(image)) return {};
    partition_epoch_ = image.partition_epoch;
    if (image.leader != this_broker_) {
      if (is_leader() && SLUICE_BUG("replication: leads on when another was elected")) return {};
      follow(image);
      if (SLUICE_BUG("replication: produces that wait outlive the leadership")) return {};
      // Whoever appended here meant to append to the leader's log: what becomes of it is not known here.
      due = waiters_.fail(ErrorCode::not_leader_or_follower);
    } else {
      done = lead(image, now);
      if (done) {
        due = advance_high_watermark();
        tell_of_isr_change(now);
      } else {
        due = waiters_.fail(ErrorCode::kafka_storage_error);
      }
    }
  }
  due.tell();
  return done;
}

Result<> Partition::lead(const controller::PartitionImage& image, Instant now) {
  const bool goes_on = isr_ && image.leader_epoch == leader_epoch();
  leader_epoch_.store(image.leader_epoch.value(), std::memory_order_release);
  if (goes_on) {
    isr_->apply(image);
    count_isr();
    return {};
  }
  auto epoch_start = log_end_offset();
  if (SLUICE_BUG("replication: a new leader takes its log end for replicated")) {
    high_watermark_.store(epoch_start.value(), std::memory_order_release);
  }
  if (SLUICE_BUG("replication: an epoch begins at the high watermark")) epoch_start = high_watermark();
  epoch_start_.store(epoch_start.value(), std::memory_order_release);
  isr_.emplace(this_broker_, image, epoch_start, now);
  isr_change_told_ = false;
  count_isr();
  leader_.store(this_broker_.value(), std::memory_order_release);
  // From here on batches of this epoch may come: what followers are told of where the one before ended rests on it.
  if (log_->latest_leader_epoch() < image.leader_epoch) {
    if (const auto begun = log_->begin_leader_epoch(image.leader_epoch); !begun) return begun.error();
  }
  waiters_.open(image.leader_epoch);
  return {};
}

void Partition::follow(const controller::PartitionImage& image) {
  isr_.reset();
  isr_change_told_ = false;
  is_alone_.store(false, std::memory_order_relaxed);
  leader_epoch_.store(image.leader_epoch.value(), std::memory_order_release);
  leader_.store(image.leader.value(), std::memory_order_release);
  if (SLUICE_BUG("replication: a new follower cuts to its high watermark")) {
    static_cast<void>(log_->truncate_to(high_watermark()));
  }
}

void Partition::stop(ErrorCode reason) {
  AppendWaiters::Due due;
  {
    const std::unique_lock role{role_mutex_};
    is_stopped_ = true;
    isr_.reset();
    is_alone_.store(false, std::memory_order_relaxed);
    leader_.store(kNoBroker.value(), std::memory_order_release);
    due = waiters_.fail(reason);
  }
  due.tell();
}

}  // namespace sluice::broker::replication

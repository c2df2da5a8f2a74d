#include <algorithm>
#include <system_error>
#include <utility>

#include "broker/replication/partition.hpp"
#include "protocol/base/planted_bug.hpp"

// What a replica does as its partition's leader.

namespace sluice::broker::replication {

using protocol::ErrorCode;

ErrorCode Partition::check_in_sync() const {
  if (SLUICE_BUG("replication: acknowledges below min.insync.replicas")) return ErrorCode::none;
  const auto min_in_sync = static_cast<std::size_t>(std::max(min_in_sync_.load(std::memory_order_relaxed), 1));
  const auto enough = std::min(min_in_sync, replica_count_.load(std::memory_order_relaxed));
  return in_sync_count_.load(std::memory_order_relaxed) < enough ? ErrorCode::not_enough_replicas : ErrorCode::none;
}

void Partition::count_isr() noexcept {
  is_alone_.store(isr_->replica_count() == 1, std::memory_order_relaxed);
  in_sync_count_.store(isr_->committed().size(), std::memory_order_relaxed);
  replica_count_.store(isr_->replica_count(), std::memory_order_relaxed);
}

Result<storage::Appended> Partition::append(record::MutableBatch batch, Timestamp now, LeaderEpoch expected) {
  AppendWaiters::Due due;
  std::shared_lock role{role_mutex_};
  const bool is_expected = expected == kNoLeaderEpoch || expected == leader_epoch();
  if (!is_leader() || !is_expected) {
    if (SLUICE_BUG("replication: appends what comes after leadership")) return log_->append(batch, leader_epoch(), now);
    return std::make_error_code(std::errc::operation_not_permitted);
  }
  auto appended = log_->append(batch, leader_epoch(), now);
  if (!appended || appended->duplicate) return appended;
  if (syncs_every_append()) {
    syncer_.request(shared_from_this());
  } else {
    flush_in_time();
    due = advance_high_watermark();
  }
  waiters_.on_append();
  role.unlock();
  due.tell();
  return appended;
}

AppendWaiters::Due Partition::advance_high_watermark() {
  const Isr::Ends own{.log_end = log_end_offset(), .synced_end = log_->synced_end_offset()};
  if (is_alone_.load(std::memory_order_relaxed)) {
    return raise_high_watermark(syncs_every_append() ? own.synced_end : own.log_end);
  }
  const std::lock_guard lock{isr_mutex_};
  const auto end = isr_->replicated_end(own, syncs_every_append(), min_in_sync_.load(std::memory_order_relaxed));
  return end ? raise_high_watermark(*end) : AppendWaiters::Due{};
}

AppendWaiters::Due Partition::raise_high_watermark(Offset to) {
  auto current = high_watermark_.load(std::memory_order_relaxed);
  do {
    if (current >= to.value()) return {};
  } while (!high_watermark_.compare_exchange_weak(current, to.value(), std::memory_order_acq_rel));
  static_cast<void>(log_->last_stable_offset(high_watermark()));  // has it forget the transactions that are decided now
  return waiters_.reach(to, ErrorCode::none);
}

void Partition::when_replicated(Offset end, Acknowledge acknowledge, LeaderEpoch appended_in) {
  auto outcome = waiters_.add(end, appended_in, acknowledge, high_watermark_);
  if (!outcome) return;
  if (*outcome == ErrorCode::none && check_in_sync() != ErrorCode::none) {
    outcome = ErrorCode::not_enough_replicas_after_append;
  }
  acknowledge(*outcome);
}

ErrorCode Partition::note_fetch(Isr::Member follower, Offset position, Instant now, LeaderEpoch current) {
  AppendWaiters::Due due;
  {
    const std::shared_lock role{role_mutex_};
    if (const auto error = check_leadership(current); error != ErrorCode::none) return error;
    const auto end = log_end_offset();
    if (position > end) return ErrorCode::offset_out_of_range;
    {
      const std::lock_guard lock{isr_mutex_};
      if (!isr_->on_fetch(follower, position, end, now)) return ErrorCode::replica_not_available;
    }
    due = advance_high_watermark();
    tell_of_isr_change(now);
  }
  due.tell();
  return ErrorCode::none;
}

void Partition::note_synced(BrokerId follower, LeaderEpoch epoch, Offset synced_end) {
  AppendWaiters::Due due;
  {
    const std::shared_lock role{role_mutex_};
    if (check_leadership(epoch) != ErrorCode::none) return;
    {
      const std::lock_guard lock{isr_mutex_};
      if (!isr_->on_synced(follower, synced_end)) return;
    }
    if (syncs_every_append()) due = advance_high_watermark();
  }
  due.tell();
}

void Partition::check_isr(Instant now) {
  AppendWaiters::Due due;
  {
    const std::shared_lock role{role_mutex_};
    if (!is_leader() || is_alone_.load(std::memory_order_relaxed)) return;
    {
      const std::lock_guard lock{isr_mutex_};
      isr_->tick(now);
      isr_change_told_ = false;  // whoever was told may have forgotten
    }
    due = advance_high_watermark();
    tell_of_isr_change(now);
  }
  due.tell();
}

void Partition::tell_of_isr_change(Instant now) {
  if (is_alone_.load(std::memory_order_relaxed)) return;
  {
    const std::lock_guard lock{isr_mutex_};
    if (isr_change_told_ || asked_in_) return;
    if (!isr_->wanted(log_end_offset(), high_watermark(), lag_max_, now, syncs_every_append())) return;
    isr_change_told_ = true;
  }
  events_.on_isr_change_wanted(shared_from_this());
}

std::optional<controller::AlterPartitionRequest::Change> Partition::take_isr_change(Instant now) {
  const std::shared_lock role{role_mutex_};
  if (!is_leader()) return std::nullopt;
  const std::lock_guard lock{isr_mutex_};
  isr_change_told_ = false;
  if (asked_in_) return std::nullopt;
  auto wanted = isr_->wanted(log_end_offset(), high_watermark(), lag_max_, now, syncs_every_append());
  if (!wanted) return std::nullopt;
  isr_->on_change_sent(*wanted);
  asked_in_ = leader_epoch();
  controller::AlterPartitionRequest::Change change{.topic_id = topic_id_,
                                                   .partition = name_.partition,
                                                   .leader_epoch = leader_epoch(),
                                                   .partition_epoch = isr_->partition_epoch()};
  for (const auto& member : *wanted) change.isr.push_back({.id = member.id, .epoch = member.epoch});
  return change;
}

void Partition::on_isr_response(const controller::AlterPartitionResponse::Item& item, Instant now) {
  AppendWaiters::Due due;
  {
    const std::unique_lock role{role_mutex_};
    const std::lock_guard lock{isr_mutex_};
    const auto asked_in = std::exchange(asked_in_, std::nullopt);
    if (!is_leader() || !isr_ || asked_in != leader_epoch()) return;
    switch (item.error_code) {
      case ErrorCode::none:
        if (item.now.leader_epoch == leader_epoch()) isr_->on_change_made(item.now);
        break;
      // News that has yet to arrive here says what holds.
      case ErrorCode::invalid_update_version:
      case ErrorCode::fenced_leader_epoch:
      case ErrorCode::not_leader_or_follower:
      case ErrorCode::unknown_topic_id: isr_->on_change_outdated(now); break;
      default: isr_->on_change_failed(true, now); break;
      case ErrorCode::ineligible_replica:
      case ErrorCode::invalid_request: isr_->on_change_failed(false, now); break;
    }
    partition_epoch_ = isr_->partition_epoch();
    count_isr();
  }
  {
    const std::shared_lock role{role_mutex_};
    if (!is_leader()) return;
    due = advance_high_watermark();
    tell_of_isr_change(now);
  }
  due.tell();
}

void Partition::on_isr_failed(bool unknown) {
  const std::shared_lock role{role_mutex_};
  const std::lock_guard lock{isr_mutex_};
  const auto asked_in = std::exchange(asked_in_, std::nullopt);
  if (isr_ && asked_in == leader_epoch()) isr_->on_change_failed(unknown);
}

std::vector<BrokerId> Partition::isr() const {
  const std::shared_lock role{role_mutex_};
  const std::lock_guard lock{isr_mutex_};
  return isr_ ? isr_->committed() : std::vector<BrokerId>{};
}

}  // namespace sluice::broker::replication

#include "broker/replication/partition.hpp"

#include <algorithm>
#include <chrono>
#include <limits>
#include <spdlog/spdlog.h>
#include <vector>

#include "broker/replication/log_syncer.hpp"

namespace sluice::broker::replication {
namespace {

using protocol::ErrorCode;

bool wants_sync(const config::TopicSettings& settings) {
  return settings.durability == config::Durability::fsync || settings.flush_messages == 1;
}

constexpr auto kNever = std::numeric_limits<std::int64_t>::max();
// What lies further off is as good as never, and would overflow a point in time.
constexpr std::int64_t kFlushMsMax = std::chrono::milliseconds{std::chrono::hours{24} * 365}.count();

}  // namespace

Partition::Partition(TopicPartition name, Uuid topic_id, std::shared_ptr<storage::Log> log, Leadership leadership,
                     BrokerId this_broker, SettingsPtr settings, LogSyncer& syncer)
    : name_(std::move(name)),
      topic_id_(topic_id),
      log_(std::move(log)),
      this_broker_(this_broker),
      syncer_(syncer),
      settings_(std::move(settings)),
      leader_(leadership.leader.value()),
      leader_epoch_(leadership.leader_epoch.value()),
      // One replica: whatever survived a restart is all there is, so it is the replicated end, once it is as safe as
      // the settings demand. What a crash left in the page cache is not, and a repeat of it must not be acknowledged.
      high_watermark_((wants_sync(*settings_) ? log_->synced_end_offset() : log_->log_end_offset()).value()),
      syncs_every_append_(wants_sync(*settings_)) {
  set_flush_limits(*settings_);
}

void Partition::make_safe() {
  if (log_->synced_end_offset() == log_end_offset()) return;
  if (syncs_every_append()) {
    syncer_.request(shared_from_this());
  } else {
    flush_in_time();
  }
}

void Partition::set_settings(SettingsPtr settings) {
  const bool was_synced = syncs_every_append();
  syncs_every_append_.store(wants_sync(*settings), std::memory_order_relaxed);
  set_flush_limits(*settings);
  std::atomic_store(&settings_, std::move(settings));
  // Those who wait for a sync that is no longer needed would otherwise wait for the next append.
  if (was_synced && !syncs_every_append()) advance_high_watermark(log_end_offset());
  flush_scheduled_.store(false, std::memory_order_relaxed);  // for later than it may be now
  make_safe();
}

void Partition::set_flush_limits(const config::TopicSettings& settings) noexcept {
  flush_messages_.store(settings.flush_messages.value_or(kNever), std::memory_order_relaxed);
  const auto ms = settings.flush_ms ? std::int64_t{settings.flush_ms->count()} : kNever;
  flush_ms_.store(ms <= kFlushMsMax ? ms : kNever, std::memory_order_relaxed);
}

ErrorCode Partition::check_leadership(LeaderEpoch current) const noexcept {
  if (current != kNoLeaderEpoch) {
    if (current < leader_epoch()) return ErrorCode::fenced_leader_epoch;
    if (current > leader_epoch()) return ErrorCode::unknown_leader_epoch;
  }
  return is_leader() ? ErrorCode::none : ErrorCode::not_leader_or_follower;
}

Result<storage::Appended> Partition::append(record::MutableBatch batch, Timestamp now) {
  auto appended = log_->append(batch, leader_epoch(), now);
  if (!appended || appended->duplicate) return appended;
  if (syncs_every_append()) {
    syncer_.request(shared_from_this());
  } else {
    flush_in_time();
    advance_high_watermark(appended->last_offset + 1);
  }
  return appended;
}

// flush.messages and flush.ms say when data must be on the disk at the latest, and nothing about acknowledgements.
void Partition::flush_in_time() {
  if (const auto most = flush_messages_.load(std::memory_order_relaxed); most != kNever) {
    const auto end = log_end_offset();
    const Offset asked_for{flush_asked_for_.load(std::memory_order_relaxed)};
    if (end - std::max(asked_for, log_->synced_end_offset()) >= most) {
      flush_asked_for_.store(end.value(), std::memory_order_relaxed);
      return syncer_.request(shared_from_this());
    }
  }
  const auto ms = flush_ms_.load(std::memory_order_relaxed);
  // Acquire and release: the flush_due that comes next sees our append, or finds the mark gone and we set it anew.
  if (ms == kNever || flush_scheduled_.exchange(true, std::memory_order_acq_rel)) return;
  syncer_.request_by(shared_from_this(), std::chrono::steady_clock::now() + std::chrono::milliseconds{ms});
}

void Partition::flush_due() {
  flush_scheduled_.exchange(false, std::memory_order_acq_rel);
  if (log_->synced_end_offset() < log_end_offset()) syncer_.request(shared_from_this());
}

void Partition::advance_high_watermark(Offset to) {
  auto current = high_watermark_.load(std::memory_order_relaxed);
  while (current < to.value() &&
         !high_watermark_.compare_exchange_weak(current, to.value(), std::memory_order_acq_rel)) {
  }
  static_cast<void>(log_->last_stable_offset(high_watermark()));  // has it forget the transactions that are decided now
  std::vector<Acknowledge> reached;
  {
    const std::lock_guard lock{waiting_mutex_};
    const auto end = high_watermark();
    while (!waiting_.empty() && waiting_.front().end <= end) {
      reached.push_back(std::move(waiting_.front().acknowledge));
      waiting_.pop_front();
    }
    for (auto& watch : watches_) watch.waiter->on_progress();
  }
  for (auto& acknowledge : reached) acknowledge(ErrorCode::none);
}

void Partition::when_replicated(Offset end, Acknowledge acknowledge) {
  std::optional<ErrorCode> outcome;
  {
    const std::lock_guard lock{waiting_mutex_};
    if (high_watermark() >= end) {
      outcome = ErrorCode::none;
    } else if (stopped_) {
      outcome = *stopped_;
    } else {
      // Two connections may append in one order and come here in the other.
      auto at = std::find_if(waiting_.rbegin(), waiting_.rend(), [&](const Waiting& w) { return w.end <= end; }).base();
      waiting_.insert(at, {end, std::move(acknowledge)});
    }
  }
  if (outcome) acknowledge(*outcome);
}

void Partition::watch(Watch& watch) {
  const std::lock_guard lock{waiting_mutex_};
  watches_.push_back(watch);
}

void Partition::wake_watchers() {
  const std::lock_guard lock{waiting_mutex_};
  for (auto& watch : watches_) watch.waiter->on_progress();
}

void Partition::unwatch(Watch& watch) noexcept {
  const std::lock_guard lock{waiting_mutex_};
  if (watch.is_linked()) watches_.erase(watches_.iterator_to(watch));
}

Result<Offset> Partition::delete_records_before(Offset offset) {
  if (offset < Offset{0} || offset > high_watermark()) return make_error_code(storage::Errc::offset_out_of_range);
  if (const auto moved = log_->advance_log_start(offset); !moved) return moved.error();
  return log_start_offset();
}

void Partition::fail_waiting(ErrorCode reason) {
  std::deque<Waiting> failed;
  {
    const std::lock_guard lock{waiting_mutex_};
    stopped_ = reason;
    failed.swap(waiting_);
    for (auto& watch : watches_) watch.waiter->on_progress();
  }
  for (auto& waiting : failed) waiting.acknowledge(reason);
}

void Partition::stop(ErrorCode reason) {
  leader_.store(kNoBroker.value(), std::memory_order_release);
  fail_waiting(reason);
}

void Partition::sync_now() {
  const auto end = log_->sync();
  if (end) return advance_high_watermark(*end);
  if (end.error() != storage::Errc::log_offline) {  // of that, whoever took it offline has told
    spdlog::error("partition={} sync failed, the log takes no more records: {}", name_.to_string(),
                  end.error().message());
  }
  fail_waiting(ErrorCode::kafka_storage_error);
}

}  // namespace sluice::broker::replication

#include "broker/replication/partition.hpp"

#include <algorithm>
#include <spdlog/spdlog.h>
#include <utility>

namespace sluice::broker::replication {

using protocol::ErrorCode;

Partition::Partition(TopicPartition name, Uuid topic_id, std::shared_ptr<storage::Log> log, Surroundings surroundings,
                     SettingsPtr settings, Offset high_watermark)
    : name_(std::move(name)),
      topic_id_(topic_id),
      log_(std::move(log)),
      this_broker_(surroundings.this_broker),
      syncer_(surroundings.syncer),
      events_(surroundings.events),
      lag_max_(surroundings.lag_max),
      before_cut_(std::move(surroundings.before_cut)),
      settings_(std::move(settings)),
      flush_(*settings_),
      min_in_sync_(settings_->min_insync_replicas),
      // A crash may have taken what lay beyond the synced end, though it was replicated.
      high_watermark_(std::clamp(high_watermark, log_->log_start_offset(), log_->log_end_offset()).value()) {}

void Partition::make_safe() {
  if (log_->synced_end_offset() == log_end_offset()) return;
  if (syncs_every_append()) {
    syncer_.request(shared_from_this());
  } else {
    flush_in_time();
  }
}

void Partition::set_settings(SettingsPtr settings) {
  flush_.set(*settings);
  min_in_sync_.store(settings->min_insync_replicas, std::memory_order_relaxed);
  std::atomic_store(&settings_, std::move(settings));
  AppendWaiters::Due due;
  {
    // Those who wait for what is no longer needed would otherwise wait for the next append.
    const std::shared_lock role{role_mutex_};
    if (is_leader()) due = advance_high_watermark();
  }
  due.tell();
  flush_.unschedule();
  make_safe();
}

ErrorCode Partition::check_leadership(LeaderEpoch current) const noexcept {
  if (current != kNoLeaderEpoch) {
    if (current < leader_epoch()) return ErrorCode::fenced_leader_epoch;
    if (current > leader_epoch()) return ErrorCode::unknown_leader_epoch;
  }
  return is_leader() ? ErrorCode::none : ErrorCode::not_leader_or_follower;
}

void Partition::flush_in_time() {
  if (flush_.has_enough(log_end_offset(), log_->synced_end_offset())) return syncer_.request(shared_from_this());
  if (const auto delay = flush_.schedule()) {
    syncer_.request_by(shared_from_this(), std::chrono::steady_clock::now() + *delay);
  }
}

void Partition::flush_due() {
  flush_.unschedule();
  if (log_->synced_end_offset() < log_end_offset()) syncer_.request(shared_from_this());
}

void Partition::sync_now() {
  const auto synced = log_->sync();
  AppendWaiters::Due due;
  if (synced) {
    const std::shared_lock role{role_mutex_};
    if (is_leader()) {
      due = advance_high_watermark();
    } else if (leader() != kNoBroker) {
      events_.on_follower_synced(shared_from_this());
    }
  } else {
    if (synced.error() != storage::Errc::log_offline) {  // of that, whoever took it offline has told
      spdlog::error("partition={} sync failed, the log takes no more records: {}", name_.to_string(),
                    synced.error().message());
    }
    due = waiters_.fail(ErrorCode::kafka_storage_error);
  }
  due.tell();
}

void Partition::watch(Watch& watch) { waiters_.watch(watch); }

void Partition::wake_watchers() { waiters_.wake_watchers(); }

void Partition::unwatch(Watch& watch) noexcept { waiters_.unwatch(watch); }

Result<Offset> Partition::delete_records_before(Offset offset) {
  if (offset < Offset{0} || offset > high_watermark()) return make_error_code(storage::Errc::offset_out_of_range);
  if (const auto moved = log_->advance_log_start(offset); !moved) return moved.error();
  return log_start_offset();
}

}  // namespace sluice::broker::replication

#pragma once

#include <atomic>
#include <boost/intrusive/list.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include "broker/config/topic_settings.hpp"
#include "protocol/base/ids.hpp"
#include "protocol/base/topic_partition.hpp"
#include "protocol/base/uuid.hpp"
#include "protocol/error_code.hpp"
#include "storage/log/log.hpp"

namespace sluice::broker::replication {

class LogSyncer;
class Partition;

/// Somebody who waits for a partition's readable end to move. A waiter watches any number of partitions, each through
/// one Watch of its own; it must unwatch all of them before it is destroyed.
class ProgressWaiter {
 public:
  virtual ~ProgressWaiter() = default;
  /// On any thread, under the partition's lock: may only schedule work.
  virtual void on_progress() noexcept = 0;
};

struct Watch : boost::intrusive::list_base_hook<> {
  ProgressWaiter* waiter = nullptr;
};

/// Leadership as the metadata has it.
struct Leadership {
  BrokerId leader;
  LeaderEpoch leader_epoch;
  bool operator==(const Leadership&) const = default;
};

/// One replica's log together with its leadership, its high watermark, and those who wait for either.
///
/// Invariant: log_start <= high_watermark <= log_end; the high watermark never decreases within a leader epoch. With
/// one replica it is the log end (`sluice.durability=os`) or the synced end (`fsync`).
///
/// Threading: any thread. Appends of different connections exclude each other in the log; `waiting_mutex_` guards the
/// waiters only and is never held during I/O.
class Partition : public std::enable_shared_from_this<Partition> {
 public:
  using SettingsPtr = std::shared_ptr<const config::TopicSettings>;
  /// `none`, or why the records may be lost.
  using Acknowledge = std::function<void(protocol::ErrorCode)>;

  Partition(TopicPartition name, Uuid topic_id, std::shared_ptr<storage::Log> log, Leadership leadership,
            BrokerId this_broker, SettingsPtr settings, LogSyncer& syncer);

  /// Has synced what the log holds unsynced, now or within its time, as the settings demand. Once before it is served.
  void make_safe();

  const TopicPartition& name() const noexcept { return name_; }
  const Uuid& topic_id() const noexcept { return topic_id_; }
  SettingsPtr settings() const noexcept { return std::atomic_load(&settings_); }
  void set_settings(SettingsPtr settings);
  storage::Log& log() noexcept { return *log_; }

  LeaderEpoch leader_epoch() const noexcept { return LeaderEpoch{leader_epoch_.load(std::memory_order_acquire)}; }
  BrokerId leader() const noexcept { return BrokerId{leader_.load(std::memory_order_acquire)}; }
  bool is_leader() const noexcept { return leader() == this_broker_; }
  /// KIP-320: whether a client that believes in `current` (kNoLeaderEpoch: does not care) may be served here.
  protocol::ErrorCode check_leadership(LeaderEpoch current) const noexcept;

  Offset log_start_offset() const noexcept { return log_->log_start_offset(); }
  Offset log_end_offset() const noexcept { return log_->log_end_offset(); }
  Offset high_watermark() const noexcept { return Offset{high_watermark_.load(std::memory_order_acquire)}; }
  /// Exclusive end of what a reader with read_committed sees. Moves only when the high watermark does.
  Offset last_stable_offset() const { return log_->last_stable_offset(high_watermark()); }

  /// Appends a validated batch as leader.
  Result<storage::Appended> append(record::MutableBatch batch, Timestamp now);

  /// Calls `acknowledge` once everything below `end` is replicated as the settings demand, at once if it is already.
  /// On any thread.
  void when_replicated(Offset end, Acknowledge acknowledge);

  void watch(Watch& watch);
  /// Tells the watchers to look again though nothing moved.
  void wake_watchers();
  void unwatch(Watch& watch) noexcept;

  /// DeleteRecords: `offset` at most the high watermark. Returns the new log start.
  Result<Offset> delete_records_before(Offset offset);

  /// The partition is gone or goes offline: everybody who waits is told.
  void stop(protocol::ErrorCode reason);

  /// Called by the syncer, on one of its threads: syncs, and moves the high watermark.
  void sync_now();
  /// Called by the syncer once `flush.ms` is over for the first record that was not synced when it was asked to.
  void flush_due();

 private:
  friend class LogSyncer;
  enum class SyncState : int { idle, queued, running, running_and_wanted };

  bool syncs_every_append() const noexcept { return syncs_every_append_.load(std::memory_order_relaxed); }
  void set_flush_limits(const config::TopicSettings& settings) noexcept;
  void flush_in_time();
  void advance_high_watermark(Offset to);
  void fail_waiting(protocol::ErrorCode reason);

  struct Waiting {
    Offset end;
    Acknowledge acknowledge;
  };

  const TopicPartition name_;
  const Uuid topic_id_;
  const std::shared_ptr<storage::Log> log_;
  const BrokerId this_broker_;
  LogSyncer& syncer_;
  SettingsPtr settings_;
  std::atomic<std::int32_t> leader_;
  std::atomic<std::int32_t> leader_epoch_;
  std::atomic<std::int64_t> high_watermark_;
  std::atomic<bool> syncs_every_append_;
  std::atomic<SyncState> sync_state_{SyncState::idle};
  // When to sync though no acknowledgement waits for it; the largest value: never for this reason.
  std::atomic<std::int64_t> flush_messages_;
  std::atomic<std::int64_t> flush_ms_;
  std::atomic<std::int64_t> flush_asked_for_{0};  // the log end when flush.messages was last reached
  std::atomic<bool> flush_scheduled_{false};      // flush_due will come, or has yet to look at the log end

  std::mutex waiting_mutex_;
  std::deque<Waiting> waiting_;  // ascending by `end`: appends come in order
  boost::intrusive::list<Watch, boost::intrusive::constant_time_size<false>> watches_;
  std::optional<protocol::ErrorCode> stopped_;
};

}  // namespace sluice::broker::replication

#pragma once

#include <atomic>
#include <boost/intrusive/list.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include "broker/config/topic_settings.hpp"
#include "broker/controller/broker_calls.hpp"
#include "broker/controller/metadata_image.hpp"
#include "broker/replication/isr.hpp"
#include "broker/replication/replica_events.hpp"
#include "broker/replication/sync_queue.hpp"
#include "protocol/base/ids.hpp"
#include "protocol/base/topic_partition.hpp"
#include "protocol/base/uuid.hpp"
#include "protocol/error_code.hpp"
#include "storage/log/log.hpp"

namespace sluice::broker::replication {

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
  bool of_log_end = false;  ///< told when the log grows, too: a follower reads past the high watermark
};

/// Where a follower goes on, and what it believes in.
struct FetchPosition {
  Offset offset;                            ///< its log end
  LeaderEpoch last_fetched_epoch{-1};       ///< of its last record; kNoLeaderEpoch: it has none
  LeaderEpoch current_leader_epoch{-1};
  Offset log_start_offset;
  BrokerId leader;
};

/// What a leader answered about one partition.
struct FetchedData {
  ByteView batches{};  ///< whole or cut short at the end
  Offset leader_high_watermark = kNoOffset;
  Offset leader_log_start = kNoOffset;
  std::optional<storage::EpochEnd> diverging{};  ///< the leader's end of the largest epoch up to ours: cut back to it
};

/// One replica's log together with its role, its high watermark, and those who wait for either.
///
/// As leader it appends what producers send and keeps the ISR (Isr has the rules); as follower it appends what it
/// fetched, and cuts back what the leader does not have.
///
/// Invariant: log_start <= high_watermark <= log_end; the high watermark never decreases while this process leads. With
/// `sluice.durability=fsync` a replica counts with its synced end, else with its log end.
///
/// Threading: any thread. `role_mutex_` is shared by appends and fetches, and held alone while the role changes, so that
/// nothing is appended in a role that is over. `isr_mutex_` guards the Isr, `waiting_mutex_` the waiters; neither is
/// held during I/O.
class Partition : public std::enable_shared_from_this<Partition> {
 public:
  using SettingsPtr = std::shared_ptr<const config::TopicSettings>;
  using Instant = std::chrono::steady_clock::time_point;
  /// `none`, or why the records may be lost.
  using Acknowledge = std::function<void(protocol::ErrorCode)>;

  struct Surroundings {
    BrokerId this_broker;
    SyncQueue& syncer;
    ReplicaEvents& events;
    std::chrono::milliseconds lag_max{30000};  ///< replica.lag.time.max.ms
  };

  /// `high_watermark`: the one checkpointed last; kNoOffset: unknown. Serves nothing until `apply`.
  Partition(TopicPartition name, Uuid topic_id, std::shared_ptr<storage::Log> log, Surroundings surroundings,
            SettingsPtr settings, Offset high_watermark);

  /// Takes the role that the metadata gives it. Older news than it has (by leader epoch, then partition epoch) are
  /// passed over. One thread at a time (the metadata's). Errors: of storage; the partition is not served then.
  Result<> apply(const controller::PartitionImage& image, Instant now);

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

  // As leader.

  /// NOT_ENOUGH_REPLICAS where acks=all records may not be taken: the ISR is smaller than min.insync.replicas.
  protocol::ErrorCode check_in_sync() const;
  /// Appends a validated batch. Errors: those of the log; storage::Errc has none for a lost leadership, so
  /// std::errc::operation_not_permitted stands for NOT_LEADER_OR_FOLLOWER.
  Result<storage::Appended> append(record::MutableBatch batch, Timestamp now);
  /// Calls `acknowledge` once everything below `end` is replicated as the settings demand, at once if it is already;
  /// NOT_ENOUGH_REPLICAS_AFTER_APPEND where it is and the ISR has become too small; NOT_LEADER_OR_FOLLOWER once another
  /// leads. On any thread.
  void when_replicated(Offset end, Acknowledge acknowledge);
  /// A follower fetches from `position` on, in the leader epoch that it believes in. Errors as check_leadership, and
  /// UNKNOWN_LEADER_EPOCH / NOT_LEADER_OR_FOLLOWER / REPLICA_NOT_AVAILABLE for one that is no replica.
  protocol::ErrorCode note_fetch(Isr::Member follower, Offset position, Instant now);
  /// A follower tells that all below `synced_end`, of what it fetched in that epoch, is synced.
  void note_synced(BrokerId follower, LeaderEpoch epoch, Offset synced_end);
  /// Looks whether a follower has fallen behind; cheap where there is none. Every replica.lag.time.max.ms / 2.
  void check_isr(Instant now);
  /// The change of the ISR that is to be asked for, once; nullopt: none is. Then on_isr_response or on_isr_failed.
  std::optional<controller::AlterPartitionRequest::Change> take_isr_change(Instant now);
  void on_isr_response(const controller::AlterPartitionResponse::Item& item, Instant now);
  void on_isr_failed(bool unknown);  ///< not answered: whether it was made is `unknown`
  /// Committed; for metrics and admin output.
  std::vector<BrokerId> isr() const;

  // As follower.

  /// nullopt: it follows nobody.
  std::optional<FetchPosition> fetch_position() const;
  /// Appends, or cuts back, as the leader's answer to a fetch from `asked` says, unless the role has changed since then
  /// (then nothing). Batches are checked (CRC, order) before they are written. Errors: of storage; bad_message.
  Result<> take_fetched(const FetchPosition& asked, const FetchedData& fetched, Timestamp now);
  /// The leader's log begins past our end: ours begins there too, empty.
  Result<> restart_at(const FetchPosition& asked, Offset leader_log_start);

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

#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <vector>

#include "broker/config/topic_settings.hpp"
#include "broker/controller/broker_calls.hpp"
#include "broker/controller/metadata_image.hpp"
#include "broker/replication/append_waiters.hpp"
#include "broker/replication/flush_limits.hpp"
#include "broker/replication/isr.hpp"
#include "broker/replication/progress.hpp"
#include "broker/replication/replica_events.hpp"
#include "broker/replication/role_mutex.hpp"
#include "broker/replication/sync_queue.hpp"
#include "protocol/base/ids.hpp"
#include "protocol/base/topic_partition.hpp"
#include "protocol/base/uuid.hpp"
#include "protocol/error_code.hpp"
#include "storage/log/log.hpp"

namespace sluice::broker::replication {

/// Where a follower goes on, and what it believes in.
struct FetchPosition {
  Offset offset;                       ///< its log end
  LeaderEpoch last_fetched_epoch{-1};  ///< of its last record; kNoLeaderEpoch: it has none
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
/// Threading: any thread. `role_mutex_` is shared by appends and fetches, and held alone while the role changes, so
/// that nothing is appended in a role that is over. `isr_mutex_` guards the Isr and is not held during I/O, nor is the
/// waiters' own; `follower_mutex_` has one at a time change a follower's log.
class Partition : public std::enable_shared_from_this<Partition> {
 public:
  using SettingsPtr = std::shared_ptr<const config::TopicSettings>;
  using Instant = std::chrono::steady_clock::time_point;
  /// `none`, or why the records may be lost.
  using Acknowledge = AppendWaiters::Acknowledge;

  struct Surroundings {
    BrokerId this_broker;
    SyncQueue& syncer;
    ReplicaEvents& events;
    std::chrono::milliseconds lag_max{30000};  ///< replica.lag.time.max.ms
    /// Comes before the log is cut to an offset: LogManager::lower_recovery_point. Empty: nothing does.
    std::function<Result<>(const TopicPartition&, Offset)> before_cut{};
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
  /// As leader: no other broker has a replica.
  bool is_only_replica() const noexcept { return is_alone_.load(std::memory_order_relaxed); }
  /// KIP-320: whether a client that believes in `current` (kNoLeaderEpoch: does not care) may be served here.
  protocol::ErrorCode check_leadership(LeaderEpoch current) const noexcept;

  Offset log_start_offset() const noexcept { return log_->log_start_offset(); }
  Offset log_end_offset() const noexcept { return log_->log_end_offset(); }
  Offset high_watermark() const noexcept { return Offset{high_watermark_.load(std::memory_order_acquire)}; }
  /// False while a new leader has yet to hear from its followers how far the one before it had come: an end that is
  /// told meanwhile may be smaller than one that a client has seen already (OFFSET_NOT_AVAILABLE).
  bool knows_high_watermark() const noexcept {
    return high_watermark_.load(std::memory_order_acquire) >= epoch_start_.load(std::memory_order_acquire);
  }
  /// Exclusive end of what a reader with read_committed sees. Moves only when the high watermark does.
  Offset last_stable_offset() const { return log_->last_stable_offset(high_watermark()); }

  // As leader.

  /// NOT_ENOUGH_REPLICAS where acks=all records may not be taken: the ISR is smaller than min.insync.replicas.
  protocol::ErrorCode check_in_sync() const;
  /// Appends a validated batch. Errors: those of the log; storage::Errc has none for a lost leadership, so
  /// std::errc::operation_not_permitted stands for NOT_LEADER_OR_FOLLOWER. With `expected`, also once the reign of that
  /// leader epoch is over, whoever leads now: for those whose records rest on what they read in it.
  Result<storage::Appended> append(record::MutableBatch batch, Timestamp now, LeaderEpoch expected = kNoLeaderEpoch);
  /// Calls `acknowledge` once everything below `end` is replicated as the settings demand, at once if it is already;
  /// NOT_ENOUGH_REPLICAS_AFTER_APPEND where it is and the ISR has become too small; NOT_LEADER_OR_FOLLOWER once another
  /// leads, or where the reign in which it was appended (by `appended_in`, the leader epoch read before the append) is
  /// over. On any thread.
  void when_replicated(Offset end, Acknowledge acknowledge, LeaderEpoch appended_in = kNoLeaderEpoch);
  /// A follower fetches from `position` on, in the leader epoch that it believes in: it has what this log has below.
  /// Only once its last epoch was found to agree (no diverging epoch). Errors as check_leadership; OFFSET_OUT_OF_RANGE
  /// beyond the log end; REPLICA_NOT_AVAILABLE for one that is no replica, or an earlier life of it.
  protocol::ErrorCode note_fetch(Isr::Member follower, Offset position, Instant now,
                                 LeaderEpoch current = kNoLeaderEpoch);
  /// A follower tells that all below `synced_end`, of what it fetched in that epoch, is synced.
  void note_synced(BrokerId follower, LeaderEpoch epoch, Offset synced_end);
  /// Looks whether a follower has fallen behind; cheap where there is none. Every replica.lag.time.max.ms / 2, better
  /// every second: one that died as it was about to join is not waited for after that.
  void check_isr(Instant now);
  /// The change of the ISR that is to be asked for, once; nullopt: none is. Then, exactly once, on_isr_response or
  /// on_isr_failed: nothing more is asked for before that, even in the next leader epoch.
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

  bool syncs_every_append() const noexcept { return flush_.syncs_every_append(); }
  void flush_in_time();

  // partition_role.cpp; the caller holds role_mutex_ alone.
  bool is_news(const controller::PartitionImage& image) const noexcept;
  Result<> lead(const controller::PartitionImage& image, Instant now);
  void follow(const controller::PartitionImage& image);

  // leader_replica.cpp; the caller holds role_mutex_, shared at least.
  [[nodiscard]] AppendWaiters::Due advance_high_watermark();
  [[nodiscard]] AppendWaiters::Due raise_high_watermark(Offset to);
  void look_at_isr(Instant now);
  void tell_of_isr_change(Instant now);
  void count_isr() noexcept;

  // follower_replica.cpp; the caller holds role_mutex_, shared at least, and follower_mutex_.
  bool is_still_asked(const FetchPosition& asked) const;
  Result<> cut_back(storage::EpochEnd leaders);
  Result<> append_fetched(ByteView batches, Timestamp now);
  void follow_high_watermark(Offset leaders);

  const TopicPartition name_;
  const Uuid topic_id_;
  const std::shared_ptr<storage::Log> log_;
  const BrokerId this_broker_;
  SyncQueue& syncer_;
  ReplicaEvents& events_;
  const std::chrono::milliseconds lag_max_;
  const std::function<Result<>(const TopicPartition&, Offset)> before_cut_;
  SettingsPtr settings_;
  FlushLimits flush_;
  std::atomic<SyncState> sync_state_{SyncState::idle};
  std::atomic<int> min_in_sync_;  // min.insync.replicas

  mutable RoleMutex role_mutex_;
  std::atomic<std::int32_t> leader_{kNoBroker.value()};
  std::atomic<std::int32_t> leader_epoch_{kNoLeaderEpoch.value()};
  std::optional<controller::PartitionEpoch> partition_epoch_;  // of the newest image; nullopt: no role yet
  bool is_stopped_ = false;
  std::atomic<std::int64_t> high_watermark_;
  std::atomic<std::int64_t> epoch_start_{0};  // while leading: the log end when the epoch began

  std::mutex follower_mutex_;  // of what a follower does to its log; after role_mutex_

  mutable std::mutex isr_mutex_;               // of those below, while leading; after role_mutex_
  std::optional<Isr> isr_;                     // made and gone under role_mutex_ alone
  std::atomic<bool> is_alone_{false};          // the only replica: its Isr has nothing to say
  std::atomic<std::size_t> in_sync_count_{0};  // of the committed ISR
  std::atomic<std::size_t> replica_count_{0};
  bool isr_change_told_ = false;         // and not taken yet
  std::optional<LeaderEpoch> asked_in_;  // the leader epoch in which a change was taken that is not answered

  AppendWaiters waiters_;
};

}  // namespace sluice::broker::replication

#pragma once

#include <atomic>
#include <boost/intrusive/list.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "broker/replication/partition.hpp"
#include "broker/replication/partition_key.hpp"
#include "protocol/messages/fetch.hpp"

namespace sluice::broker::fetch {

/// Whoever waits for a session to have something to tell.
class SessionWaiter {
 public:
  virtual ~SessionWaiter() = default;
  /// On any thread, under locks: may only schedule work.
  virtual void on_session_progress() noexcept = 0;
  /// The session's next request is there. False: can't answer on this thread.
  virtual bool give_way() = 0;
};

/// One partition that a follower's fetch looks at.
struct ReplicaTarget {
  using PartitionData = protocol::FetchResponse::PartitionData;

  replication::PartitionKey key{};
  std::shared_ptr<replication::Partition> partition{};
  Offset position{};
  LeaderEpoch leader_epoch = kNoLeaderEpoch;  ///< that the follower believes in
  std::int32_t bytes_max = 0;
  bool is_watermark_only = false;          ///< nothing but the high watermark has moved
  std::optional<PartitionData> verdict{};  ///< an error, or where it diverges: the answer
};

/// What was answered of a target.
struct ReplicaAnswered {
  replication::PartitionKey key{};
  Offset position{};
  bool is_final = false;   ///< records, or a verdict: nothing more before the follower names it again
  bool left_more = false;  ///< the log goes on behind these records
  Offset high_watermark = kNoOffset;
};

/// What one follower fetches from this leader (KIP-227). It keeps its watches on its partitions from one fetch to the
/// next, so that a fetch looks only at those that were named or have moved since; all others cost nothing.
///
/// A partition that the follower was sent records of, or an error, is left alone until it names it again, with where it
/// goes on. What it said last of a partition holds for its next requests too: unless records were appended since, it
/// still has everything.
///
/// Partitions that only miss the newest records come before those that have far to catch up, except in every fourth
/// answer: neither starves where an answer can't hold all.
///
/// Threading: any, by `mutex_`; no I/O under it. `moved_mutex_` is taken with partitions' locks held, and no other
/// after it. Requests of one session come from one thread, or are refused.
class ReplicaFetchSession {
 public:
  using Instant = std::chrono::steady_clock::time_point;
  using Member = replication::Isr::Member;
  using Find = std::function<std::shared_ptr<replication::Partition>(const replication::PartitionKey&)>;

  /// `id` 0: for one request only.
  ReplicaFetchSession(std::int32_t id, Member follower) : id_(id), follower_(follower.id), member_(follower) {}
  ~ReplicaFetchSession();
  ReplicaFetchSession(const ReplicaFetchSession&) = delete;
  ReplicaFetchSession& operator=(const ReplicaFetchSession&) = delete;

  /// Takes what the request names and forgets, and counts the positions as the follower's; one that diverges from this
  /// log, or can't be served, is answered so first of all. `is_stale`: of an earlier life of the follower, which has no
  /// say (KIP-903). INVALID_FETCH_SESSION_EPOCH: it is not the next request.
  protocol::ErrorCode take(const protocol::FetchRequest& request, const Find& find, bool is_stale, Instant now);

  /// What is to be answered, in this order, at most `count_max` of it. Stays due until note_answered says otherwise.
  std::vector<ReplicaTarget> due(std::size_t count_max);
  void note_answered(const std::vector<ReplicaAnswered>& answered);
  /// Something of what was due is not in memory and was left out: whether it has been often enough.
  bool is_cold_turn();

  /// Whether there is more to tell than high watermarks.
  bool has_news();
  /// `waiter` is told once, when something moves that is more than a high watermark. False: it has already.
  bool wait(const std::shared_ptr<SessionWaiter>& waiter);
  void stop_waiting() noexcept;
  /// Whoever waits answers at once, before the next request is taken. False: it can't.
  bool end_waiting();

  /// A follower that has everything named its partitions long ago, but has fetched since. note_idle counts that, of
  /// `count` of them at most, from where the last call ended; with `only_refusing` only where acks=all records are not
  /// taken. False: all have had their turn since begin_turns.
  void begin_turns();
  bool note_idle(std::size_t count, bool only_refusing);

  std::int32_t id() const noexcept { return id_; }
  BrokerId follower() const noexcept { return follower_; }
  controller::BrokerEpoch broker_epoch() const;
  std::size_t partition_count() const;

 private:
  struct QueueTag;
  struct MovedTag;
  struct TurnTag;
  template <class Tag>
  using Hook = boost::intrusive::list_base_hook<boost::intrusive::tag<Tag>,
                                                boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;
  struct Entry final : replication::ProgressWaiter, Hook<QueueTag>, Hook<MovedTag>, Hook<TurnTag> {
    explicit Entry(ReplicaFetchSession& of) : session(of) {
      watch.waiter = this;
      watch.of_log_end = true;
    }
    void on_progress() noexcept override { session.note_moved(*this); }

    ReplicaFetchSession& session;
    replication::PartitionKey key{};
    std::shared_ptr<replication::Partition> partition{};  // null: this broker has none
    replication::Watch watch{};
    Offset position{};
    LeaderEpoch leader_epoch = kNoLeaderEpoch;
    LeaderEpoch last_fetched_epoch = kNoLeaderEpoch;
    std::int32_t bytes_max = 0;
    bool answered = false;  // finally: it is named again before it is looked at
    bool far = false;       // the last answer left records for the next
    Offset told_high_watermark = kNoOffset;
    std::optional<ReplicaTarget::PartitionData> verdict{};
  };
  template <class Tag>
  using List = boost::intrusive::list<Entry, boost::intrusive::base_hook<Hook<Tag>>,
                                      boost::intrusive::constant_time_size<false>>;

  void note_moved(Entry& entry) noexcept;
  void take_moved();
  void name(const replication::PartitionKey& key, const protocol::FetchRequest::FetchPartition& asked, const Find& find,
            bool is_stale);
  void drop(const replication::PartitionKey& key);
  void unwatch(Entry& entry) noexcept;
  protocol::ErrorCode judge(Entry& entry, bool is_stale);
  static void set_divergence(Entry& entry, const storage::EpochEnd& known);
  void queue(Entry& entry);
  void queue_verdict(Entry& entry, protocol::ErrorCode error);
  void list_due(List<QueueTag>& from, std::size_t count_max, std::vector<ReplicaTarget>& into) const;
  void list_settling(std::vector<ReplicaTarget>& into);
  static ReplicaTarget target_of(const Entry& entry);

  const std::int32_t id_;
  const BrokerId follower_;

  mutable std::mutex mutex_;  // of all below, up to moved_mutex_
  std::unordered_map<replication::PartitionKey, std::unique_ptr<Entry>> entries_;
  List<TurnTag> turns_;         // all of them: those first that note_idle looks at next
  std::size_t turns_left_ = 0;  // till it has been round
  List<QueueTag> verdicts_;
  List<QueueTag> near_;      // with records that came since it was last answered
  List<QueueTag> far_;       // with more than the last answer held
  List<QueueTag> settling_;  // told a high watermark below the log end, or none: it will move
  Member member_;
  std::int32_t epoch_ = 0;  // of the next request
  Instant fetched_at_{};
  unsigned rounds_ = 0;     // calls of due()
  unsigned left_cold_ = 0;  // answers in a row without what was not in memory
  std::weak_ptr<SessionWaiter> last_waiter_;

  std::mutex moved_mutex_;  // of the two below
  List<MovedTag> moved_;
  SessionWaiter* waiter_ = nullptr;
};

}  // namespace sluice::broker::fetch

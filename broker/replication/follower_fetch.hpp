#pragma once

#include <boost/intrusive/list.hpp>
#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "broker/controller/metadata_image.hpp"
#include "broker/replication/partition.hpp"
#include "broker/replication/partition_key.hpp"
#include "broker/replication/replica_progress.hpp"
#include "protocol/messages/fetch.hpp"

namespace sluice::broker::replication {

/// The replicas that one fetcher fetches from one leader: says what to ask, and has each partition take what came.
///
/// Within a session (KIP-227) a request names only the partitions whose position has changed since they were last
/// named, so idle ones cost nothing. A partition is in one of three states:
///
///   fetching -> delayed             an error; a growing while of its own, up to replica.fetch.backoff.ms
///   fetching -> awaiting_metadata   the leader is ahead of this broker's metadata; until `add` tells of a new leader
///                                   epoch, or the longest back-off has passed
///   both -> fetching                named in the next request
///
/// One request waits at the leader; a second may follow it where partitions were added meanwhile, and has the leader
/// answer the first at once. What an answer says of a partition that a later request has named again is passed over: it
/// is about a position that is no longer the asked one.
///
/// Without sockets, threads or clock; not thread-safe.
class FollowerFetch {
 public:
  using Instant = Partition::Instant;
  struct Options {
    BrokerId self{};
    std::chrono::milliseconds wait_max{500};      ///< replica.fetch.wait.max.ms
    std::int32_t bytes_min = 1;                   ///< replica.fetch.min.bytes
    std::int32_t partition_bytes_max = 1 << 20;   ///< replica.fetch.max.bytes
    std::int32_t response_bytes_max = 10 << 20;   ///< replica.fetch.response.max.bytes
    std::chrono::milliseconds backoff_first{20};  ///< of a partition; doubles
    std::chrono::milliseconds backoff_max{1000};  ///< replica.fetch.backoff.ms
  };
  enum class State { fetching, delayed, awaiting_metadata };

  FollowerFetch(BrokerId leader, const Options& options);
  ~FollowerFetch();
  FollowerFetch(const FollowerFetch&) = delete;
  FollowerFetch& operator=(const FollowerFetch&) = delete;

  /// Is fetched from now on. Of one that is fetched already: its leader epoch, or its position, has changed.
  void add(std::shared_ptr<Partition> partition);
  void remove(const PartitionKey& key);
  std::size_t size() const noexcept { return entries_.size(); }

  /// What to ask now; nullopt: nothing. Each is followed by one on_response, in the order of the requests, or by an
  /// on_failure for all of them.
  std::optional<protocol::FetchRequest> next_request(controller::BrokerEpoch broker_epoch, Instant now);
  std::size_t under_way() const noexcept { return under_way_.size(); }
  /// When a partition's delay ends; nullopt: none is delayed.
  std::optional<Instant> next_deadline() const;

  /// False: the leader answered none of it; the next request is better made after a while.
  bool on_response(const protocol::FetchResponse& response, Instant now, Timestamp wall_now);
  /// The connection is gone: whatever was under way won't be answered, and the session is over.
  void on_failure();

  /// More of the partition is synced.
  void note_synced(const PartitionKey& key);
  /// What the leader has yet to be told of what is synced, at most `items_max`. Only of partitions whose log the leader
  /// has accepted in its present epoch: before, what is synced here may not be what is there.
  std::vector<ReplicaProgress::Item> take_progress(std::size_t items_max);
  bool has_progress() const noexcept { return !progress_.empty(); }

  /// nullopt: not one of ours.
  std::optional<State> state_of(const PartitionKey& key) const;
  BrokerId leader() const noexcept { return leader_; }

 private:
  struct NewsTag;
  struct ProgressTag;
  template <class Tag>
  using Hook = boost::intrusive::list_base_hook<boost::intrusive::tag<Tag>,
                                                boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;
  struct Entry;
  using Delays = std::multimap<Instant, Entry*>;
  struct Entry : Hook<NewsTag>, Hook<ProgressTag> {
    std::shared_ptr<Partition> partition;
    State state = State::fetching;
    FetchPosition asked{};       // as last named
    std::uint64_t named_in = 0;  // number of that request; 0: what it said is not so any more
    bool in_session = false;
    LeaderEpoch accepted_in = kNoLeaderEpoch;  // the leader epoch whose log ours is known to be a prefix of
    std::chrono::milliseconds delay{0};        // the last one; 0 once something was fetched
    std::optional<Delays::iterator> delayed;
  };
  template <class Tag>
  using List = boost::intrusive::list<Entry, boost::intrusive::base_hook<Hook<Tag>>,
                                      boost::intrusive::constant_time_size<false>>;
  struct Request {
    std::uint64_t number;
    std::uint64_t session;  // of session_number_
    bool full;
    std::vector<PartitionKey> to_be_accepted{};  // of those that it names
  };
  using PartitionData = protocol::FetchResponse::PartitionData;

  static PartitionKey key_of(const Entry& entry) {
    return {entry.partition->topic_id(), entry.partition->name().partition};
  }

  bool wants_request() const noexcept;
  void end_session();
  void end_delays(Instant now);
  void go_on(Entry& entry);
  void delay(Entry& entry, State state, std::chrono::milliseconds time, Instant now);
  void delay_after_error(Entry& entry, Instant now);
  void name(std::vector<Entry*> entries, protocol::FetchRequest& into, Request& request, Instant now);
  void forget(protocol::FetchRequest& into);
  void take(Entry& entry, const PartitionData& data, Instant now, Timestamp wall_now);
  void take_records(Entry& entry, const PartitionData& data, Instant now, Timestamp wall_now);
  void accept(const Request& request);
  void take_error(Entry& entry, const PartitionData& data, Instant now);
  void restart(Entry& entry, Offset leader_log_start, Instant now);

  const BrokerId leader_;
  const Options options_;
  std::unordered_map<PartitionKey, Entry> entries_;
  List<NewsTag> news_;                   // to be named; only of those that are fetching
  List<ProgressTag> progress_;           // whose synced end is to be told
  Delays delays_;                        // exactly those that are not fetching
  std::vector<PartitionKey> forgotten_;  // to be taken out of the session
  std::size_t in_session_ = 0;           // entries with that flag

  std::deque<Request> under_way_;
  std::uint64_t last_number_ = 0;
  std::uint64_t session_number_ = 0;  // sessions begun; answers of earlier ones are passed over
  std::int32_t session_id_ = 0;       // 0: none, the next request is a full one
  std::int32_t session_epoch_ = 0;
};

}  // namespace sluice::broker::replication

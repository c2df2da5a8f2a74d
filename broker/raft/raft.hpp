#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "broker/raft/options.hpp"
#include "broker/raft/progress.hpp"
#include "broker/raft/raft_log.hpp"
#include "broker/raft/raft_message.hpp"
#include "broker/raft/raft_types.hpp"
#include "broker/raft/ready.hpp"

namespace sluice::broker::raft {

/// Why the core refused to begin something. `none`: it began.
enum class Refusal : std::uint8_t {
  none,
  not_leader,         ///< ask the leader
  no_commit_in_term,  ///< the leader has not committed an entry of its own term yet; try again
  change_pending,     ///< the last change of voters is not committed yet
  already_voter,      ///< that node is a voter, maybe with another directory, which is to be removed first
  unknown_replica,    ///< no such voter, or no such learner
  not_caught_up,      ///< the learner's log lacks too much, or a voter was never heard of; try again
  last_voter,         ///< somebody must be left
  transfer_pending,   ///< leadership is being handed over
  too_much_uncommitted,
};

struct Proposed {
  Refusal refusal = Refusal::none;
  Term term;  ///< with `last_index`: the entry is committed if and only if one of that term is delivered there
  LogIndex last_index{};  ///< of the last command
};

/// One server of Raft. Pure: no clock, no I/O, no threads, and no randomness but its seed's.
///
/// Messages, proposals and the passing of time go in; `take_ready` says what is to be done about them. The rules are
/// those of Ongaro's thesis, cited where they are; the README tells which, and has the table of roles.
///
/// Threading: none; one driver calls, and takes the Ready after every call that left one.
class Raft {
 public:
  /// `stable` must outlive it. `hard_state` is what was made durable last; its term is no less than the log's last one.
  Raft(const Options& options, ReplicaKey self, const HardState& hard_state, const StableLog& stable,
       std::uint64_t seed, Now now);

  /// A message, in whatever order, once, twice or never.
  void step(Message message, Now now);
  /// Time has passed; due when next_deadline() is over.
  void tick(Now now);
  Instant next_deadline() const;

  bool has_ready() const { return has_work_; }
  Ready take_ready(Now now);
  /// All of that Ready is durable. In the order of their numbers.
  void on_persisted(std::uint64_t number, Now now);

  /// Appends commands as one batch, on the leader. They are committed, or lost to another leader's, later.
  Proposed propose(std::vector<std::string> commands, Now now);
  /// A ReadState with that ticket tells when a linearizable read may be served; it may never come when messages are
  /// lost.
  void read(ReadTicket ticket, Now now);

  /// Hands leadership to a voter (thesis 3.10). Proposals are refused until it is done, or an election timeout is over.
  Refusal transfer(BrokerId target, Now now);
  /// One voter more, from among the learners; one less. Done when the entry is committed (thesis 4.1).
  Proposed add_voter(const ReplicaKey& voter, Now now);
  Proposed remove_voter(const ReplicaKey& voter, Now now);

  /// Nodes to ask for the log when the configuration names nobody.
  void set_contacts(std::vector<BrokerId> contacts) { contacts_ = std::move(contacts); }
  /// The connection to that node was closed by its end: if it leads, elect another without waiting. Not with leases,
  /// since a closed connection does not prove that whoever holds one is gone.
  void on_unreachable(BrokerId node, Now now);

  /// What to write into a snapshot of everything up to `index`, which was delivered.
  SnapshotMeta describe_snapshot(LogIndex index) const { return log_.describe_snapshot(index); }
  /// It is in the stable log now, and entries before it may be gone.
  void on_snapshot_stored() { log_.on_snapshot_stored(); }
  /// What arrived of a snapshot is not what its name says: from the beginning again. Before on_persisted of the Ready
  /// that held its last part.
  void on_snapshot_damaged();

  const ReplicaKey& self() const noexcept { return self_; }
  Role role() const noexcept { return role_; }
  Term term() const noexcept { return hard_state_.term; }
  const HardState& hard_state() const noexcept { return hard_state_; }
  const std::optional<ReplicaKey>& leader() const noexcept { return leader_; }
  const RaftLog& log() const noexcept { return log_; }
  /// May ask for votes. So may a voter whose removal is in its log and not committed: nobody else may have the log that
  /// is needed to win (thesis 4.2.2). It does not count for its own majority then.
  bool is_voter() const { return log_.is_voter(self_); }
  bool holds_lease(Now now) const;
  /// What the leader knows of others, for DescribeQuorum. Empty on others.
  const std::map<ReplicaKey, Progress>& progress() const;

 private:
  /// A linearizable read that waits for proof of leadership.
  struct Read {
    std::optional<ReplicaKey> from;  // nullopt: of this server
    ReadTicket ticket;
    LogIndex index{};
    std::uint64_t round = 0;
  };
  struct Transfer {
    ReplicaKey target;
    Instant deadline;
    bool asked = false;  // TimeoutNow is out
  };
  /// What is kept while, and only while, being the leader.
  struct Leadership {
    LogIndex term_start;  // index of its first entry
    std::map<ReplicaKey, Progress> progress;
    std::map<BrokerId, Uuid> directories;  // of voters that the configuration names without
    Instant heartbeat_due;
    Instant quorum_check_due;
    bool heartbeat_wanted = false;
    std::uint64_t round = 0;       // of reads, the latest
    std::deque<Read> postponed;    // until an entry of this term is committed
    std::deque<Read> unconfirmed;  // ascending rounds; round 0: in the next one
    std::optional<Transfer> transfer;
    bool lease_forfeited = false;         // once TimeoutNow was sent: it may arrive at any time
    std::deque<std::size_t> uncommitted;  // sizes of the entries appended in this term, from uncommitted_first on
    LogIndex uncommitted_first;
    std::size_t uncommitted_bytes = 0;
  };
  struct Candidacy {
    bool pre = false;
    bool transfer = false;
    std::map<BrokerId, bool> votes;
    std::map<BrokerId, Uuid> directories;  // of who answered
  };
  struct Receiving {
    SnapshotMeta snapshot;
    std::int64_t offset = 0;                       // bytes taken so far
    std::optional<std::uint64_t> complete_with{};  // number of the Ready with its last part
  };

  // raft.cpp
  bool is_for_me(const Message& message) const;
  bool is_stale(const Message& message, Now now);
  void handle(const Message& message, Now now);
  void become_follower(Term term, std::optional<ReplicaKey> leader, Now now);
  void set_hard_state(HardState state);
  bool is_hard_state_durable() const { return !hard_state_dirty_ && persisted_ >= hard_state_number_; }
  void send(const ReplicaKey& to, MessageBody body);
  /// An answer that promises nothing but the term.
  void reply(const ReplicaKey& to, MessageBody body);
  void reply_when_durable(const ReplicaKey& to, MessageBody body);
  Message message_to(const ReplicaKey& to, MessageBody body) const { return {self_, to, term(), std::move(body)}; }
  void settle_role() { role_ = is_voter() ? Role::follower : Role::learner; }
  void note_role(Ready& ready);

  // election.cpp
  void campaign(bool pre, bool transfer, Now now);
  void on(const VoteRequest& request, const Message& message, Now now);
  void on(const VoteResponse& response, const Message& message, Now now);
  bool hears_leader(Now now) const;
  bool may_be_wiped(const VoteRequest& request, const Message& message) const;
  void count_vote(const ReplicaKey& from, bool granted, Now now);
  void count_own_vote(Now now);
  void become_leader(Now now);
  void reset_election_deadline(Now now);
  void set_retry_deadline(Now now);
  Duration random_duration(Duration below);

  // follower.cpp
  bool follow(const ReplicaKey& leader, Now now);
  void on(const AppendRequest& request, const Message& message, Now now);
  void on(const Heartbeat& heartbeat, const Message& message, Now now);

  // learner.cpp
  void seek_leader(Now now);
  void ask_contacts();
  void on(const FollowRequest& request, const Message& message, Now now);
  void on(const FollowResponse& response, const Message& message, Now now);
  std::size_t learner_count() const;  // while leading
  void adopt_learner(const ReplicaKey& learner, Now now);
  void forget_silent_learners(Now now);

  // replication.cpp
  void on(const AppendResponse& response, const Message& message, Now now);
  void on(const HeartbeatResponse& response, const Message& message, Now now);
  Progress* find_progress(const ReplicaKey& replica);
  void append_own(EntryType type, std::string data, Configuration configuration, Now now);
  void replicate(Now now);
  void replicate_to(const ReplicaKey& to, Progress& progress, Now now);
  void send_append(const ReplicaKey& to, Progress& progress, std::vector<Entry> entries, Now now);
  void broadcast_heartbeat(Now now);
  void advance_commit(Now now);
  void after_commit(Now now);
  void release_uncommitted();
  LogIndex match_of(const ReplicaKey& voter) const;
  void tick_leader(Now now);
  bool hears_majority(Now now) const;
  Pulse pulse(Now now) const { return {leadership_->round, now.steady}; }

  // read_index.cpp
  void on(const ReadRequest& request, const Message& message, Now now);
  void on(const ReadResponse& response, const Message& message, Now now);
  void accept_read(Read read, Now now);
  void admit_postponed_reads(Now now);
  void begin_read_round();
  void confirm_reads();
  void answer(const Read& read, std::optional<LogIndex> index);
  void refuse_reads();
  bool has_committed_in_term() const;

  // membership.cpp
  Refusal check_change() const;
  Proposed change_if_all_known(Configuration configuration, Now now);
  Proposed change_voters(Configuration configuration, Now now);
  void on_configuration_changed(Now now);
  Configuration pinned_configuration() const;
  void pin_voters(Now now);
  void leave_office_if_removed(Now now);

  // snapshot.cpp
  void on(const SnapshotRequest& request, const Message& message, Now now);
  void on(const SnapshotResponse& response, const Message& message, Now now);
  void send_chunk(const ReplicaKey& to, Progress& progress, Now now);
  void take_part(const SnapshotRequest& request);
  void install_if_complete(Now now);

  // transfer.cpp
  void on(const TimeoutNow& request, const Message& message, Now now);
  void advance_transfer();
  void ask_to_campaign(const ReplicaKey& target);

  const Options options_;
  const ReplicaKey self_;
  RaftLog log_;
  std::mt19937_64 random_;
  std::vector<BrokerId> contacts_;

  Role role_ = Role::learner;
  HardState hard_state_;  // its term never decreases
  std::optional<ReplicaKey> leader_;
  std::optional<Instant> heard_at_;  // since then no vote for election_timeout: a lease may count from it
  Instant election_deadline_{0};
  int campaigns_ = 0;                     // since a leader was heard
  std::optional<Candidacy> candidacy_;    // exactly when pre_candidate or candidate
  std::optional<Leadership> leadership_;  // exactly when leader
  std::optional<Receiving> receiving_;

  // What take_ready will hand out.
  bool has_work_ = false;
  std::vector<Message> messages_;
  std::vector<Message> messages_after_;
  std::vector<SnapshotPart> parts_;
  std::vector<ReadState> reads_;
  RoleChange told_;  // the last role change handed out
  bool hard_state_dirty_ = false;
  std::uint64_t hard_state_number_ = 0;  // of the Ready that took the hard state along
  std::uint64_t number_ = 0;             // of the last Ready
  std::uint64_t persisted_ = 0;
};

}  // namespace sluice::broker::raft

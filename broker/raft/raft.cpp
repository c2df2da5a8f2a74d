#include "broker/raft/raft.hpp"

#include <algorithm>
#include <utility>

#include "protocol/base/assert.hpp"
#include "protocol/base/planted_bug.hpp"

namespace sluice::broker::raft {
namespace {

constexpr int kTurns = 32;  // of an election timeout: each enough for an election

}  // namespace

Raft::Raft(const Options& options, ReplicaKey self, const HardState& hard_state, const StableLog& stable,
           std::uint64_t seed, Now now)
    : options_(options), self_(self), log_(stable), random_(seed), hard_state_(hard_state) {
  SLUICE_ASSERT(self.is_pinned() && hard_state.term >= log_.last_term(), self, hard_state.term);
  if (SLUICE_BUG("raft: forgets its vote when it restarts")) hard_state_.vote.reset();
  settle_role();
  told_ = {role_, hard_state.term, std::nullopt};
  // Thesis 6.4.1: before the crash it may have promised a leader its lease. One that knows no term answered nobody.
  if (hard_state.term > kNoTerm) heard_at_ = now.steady;
  reset_election_deadline(now);
  const bool is_alone = is_voter() && log_.configuration().voters().size() == 1;
  if (is_alone || role_ == Role::learner) election_deadline_ = now.steady;  // nobody to wait for; somebody to look for
}

bool Raft::is_for_me(const Message& message) const { return message.to.names(self_) && message.from != self_; }

void Raft::step(Message message, Now now) {
  if (!is_for_me(message)) return;
  const bool asks_for_votes = std::holds_alternative<VoteRequest>(message.body);
  if (leadership_ && asks_for_votes && !log_.configuration().has(message.from)) {
    // 4.2.3: removed, or replaced, without having been told. The log tells it.
    has_work_ = true;
    return adopt_learner(message.from, now);
  }
  if (is_stale(message, now)) return;
  handle(message, now);
  has_work_ = true;
}

/// Compares terms (Raft 3.3): a newer one makes a follower, an older one is told the newer.
bool Raft::is_stale(const Message& message, Now now) {
  const auto* vote = std::get_if<VoteRequest>(&message.body);
  const auto* answer = std::get_if<VoteResponse>(&message.body);
  if (message.term > term()) {
    // Thesis 4.2.3: while a leader is heard nobody is elected, and the candidate's term is not taken either.
    if (vote != nullptr && !vote->transfer && hears_leader(now)) {
      has_work_ = true;
      if (leader_ && !leadership_) reply(message.from, FollowResponse{.leader = leader_});  // maybe it can't hear of it
      return true;
    }
    if (vote != nullptr && may_be_wiped(*vote, message)) return true;
    // Thesis 9.6: a pre-vote, asked or granted, is about a term that does not exist yet.
    if ((vote != nullptr && vote->pre) || (answer != nullptr && answer->pre && answer->granted)) return false;
    become_follower(message.term, std::nullopt, now);
    return false;
  }
  if (message.term == term()) return false;
  has_work_ = true;
  if (vote != nullptr) {
    reply(message.from, VoteResponse{.pre = vote->pre, .granted = false});
  } else if (std::holds_alternative<AppendRequest>(message.body) || std::holds_alternative<Heartbeat>(message.body) ||
             std::holds_alternative<SnapshotRequest>(message.body)) {
    reply(message.from, HeartbeatResponse{});  // its term deposes that leader
  } else if (std::holds_alternative<FollowRequest>(message.body)) {
    return false;  // who was away for long may have any term
  }
  return true;
}

void Raft::handle(const Message& message, Now now) {
  std::visit([&](const auto& body) { on(body, message, now); }, message.body);
}

void Raft::tick(Now now) {
  if (now.steady < next_deadline()) return;
  has_work_ = true;
  if (leadership_) return tick_leader(now);
  if (is_voter()) return campaign(true, false, now);
  seek_leader(now);
}

Instant Raft::next_deadline() const {
  if (!leadership_) return election_deadline_;
  auto due = std::min(leadership_->heartbeat_due, leadership_->quorum_check_due);
  if (leadership_->transfer) due = std::min(due, leadership_->transfer->deadline);
  return due;
}

void Raft::become_follower(Term term, std::optional<ReplicaKey> leader, Now now) {
  SLUICE_ASSERT(term >= this->term(), term, this->term());
  if (term > this->term()) set_hard_state({term, std::nullopt});
  if (leadership_) {
    refuse_reads();
    for (const auto& [replica, progress] : leadership_->progress) {
      if (!log_.configuration().has(replica)) reply(replica, FollowResponse{.leader = leader});
    }
    leadership_.reset();
  }
  candidacy_.reset();
  leader_ = leader;
  settle_role();
  reset_election_deadline(now);
  has_work_ = true;
}

void Raft::set_hard_state(HardState state) {
  SLUICE_ASSERT(state.term > term() || !hard_state_.vote || hard_state_.vote == state.vote ||
                    SLUICE_BUG("raft: votes twice in a term"),
                state.term);
  if (state == hard_state_) return;
  hard_state_ = state;
  hard_state_dirty_ = true;
}

void Raft::send(const ReplicaKey& to, MessageBody body) { messages_.push_back(message_to(to, std::move(body))); }

void Raft::reply(const ReplicaKey& to, MessageBody body) {
  if (is_hard_state_durable()) return send(to, std::move(body));
  reply_when_durable(to, std::move(body));
}

void Raft::reply_when_durable(const ReplicaKey& to, MessageBody body) {
  messages_after_.push_back(message_to(to, std::move(body)));
}

Ready Raft::take_ready(Now now) {
  has_work_ = false;
  if (leadership_) {
    begin_read_round();
    advance_transfer();
    if (leadership_->heartbeat_wanted) broadcast_heartbeat(now);
    replicate(now);
  }
  Ready ready;
  ready.number = ++number_;
  ready.messages = std::exchange(messages_, {});
  if (hard_state_dirty_) {
    ready.hard_state = hard_state_;
    hard_state_number_ = number_;
    hard_state_dirty_ = false;
  }
  ready.snapshot_parts = std::exchange(parts_, {});
  if (receiving_ && receiving_->complete_with == 0) receiving_->complete_with = number_;
  ready.install = log_.hand_out_install();
  ready.entries = log_.hand_out(number_);
  ready.messages_after = std::exchange(messages_after_, {});
  ready.committed = log_.deliver(options_.committed_bytes_max);
  ready.reads = std::exchange(reads_, {});
  note_role(ready);
  has_work_ = !ready.committed.empty() && log_.has_to_deliver();
  return ready;
}

void Raft::note_role(Ready& ready) {
  const RoleChange now_is{role_, term(), leader_};
  if (now_is == told_) return;
  ready.role_change = told_ = now_is;
}

void Raft::on_persisted(std::uint64_t number, Now now) {
  SLUICE_ASSERT(number > persisted_ && number <= number_, number, persisted_, number_);
  persisted_ = number;
  log_.on_persisted(number);
  count_own_vote(now);
  if (leadership_) advance_commit(now);
  install_if_complete(now);
  has_work_ = has_work_ || log_.has_to_deliver();
}

void Raft::on_unreachable(BrokerId node, Now now) {
  if (options_.lease_reads || !leader_ || leader_->node != node || leadership_) return;
  leader_.reset();
  heard_at_.reset();
  // All of them know at about the same time: one asks at once, and each of the others later than those with lower ids,
  // so that they are not in each other's way.
  const auto before = std::ranges::count_if(log_.configuration().voters(), [&](const ReplicaKey& voter) {
    return voter.node != node && voter.node < self_.node;
  });
  election_deadline_ = now.steady + before * (options_.election_timeout / kTurns);
  has_work_ = true;
}

const std::map<ReplicaKey, Progress>& Raft::progress() const {
  static const std::map<ReplicaKey, Progress> none;
  return leadership_ ? leadership_->progress : none;
}

}  // namespace sluice::broker::raft

#include <algorithm>

#include "broker/raft/quorum.hpp"
#include "broker/raft/raft.hpp"
#include "protocol/base/assert.hpp"
#include "protocol/base/planted_bug.hpp"

namespace sluice::broker::raft {

Duration Raft::random_duration(Duration below) {
  return Duration{
      static_cast<Duration::rep>(random_() % static_cast<std::uint64_t>(std::max(below, Duration{1}).count()))};
}

void Raft::reset_election_deadline(Now now) {
  election_deadline_ = now.steady + options_.election_timeout + random_duration(options_.election_timeout);
}

/// Who won nothing asks again soon, since votes take a round trip and a sync and no election timeout; later each time,
/// in case they take longer here.
void Raft::set_retry_deadline(Now now) {
  const auto pause = options_.election_timeout / 4 * (1 << std::min(campaigns_, 2));
  election_deadline_ = now.steady + pause + random_duration(pause);
}

/// Whether a leader is, or may be, in office that relies on this server not voting against it.
bool Raft::hears_leader(Now now) const {
  // A leader that no majority answers finds out by itself, see tick_leader.
  if (SLUICE_BUG("raft: votes although a leader is heard")) return leadership_.has_value();
  return leadership_ || (heard_at_ && now.steady < *heard_at_ + options_.election_timeout);
}

/// KAFKA-12181: asked by its node id alone, a server with nothing in its log can't tell a fresh disk from a replaced
/// one, which might have held what the candidate lacks. It only helps others as empty as itself.
bool Raft::may_be_wiped(const VoteRequest& request, const Message& message) const {
  return !message.to.is_pinned() && log_.last_index() == kNoIndex && request.last_index > kNoIndex;
}

void Raft::campaign(bool pre, bool transfer, Now now) {
  SLUICE_ASSERT(is_voter() && !leadership_, self_);
  leader_.reset();
  heard_at_.reset();
  candidacy_ = Candidacy{.pre = pre, .transfer = transfer, .votes = {}, .directories = {}};
  if (pre) ++campaigns_;
  set_retry_deadline(now);
  has_work_ = true;
  role_ = pre ? Role::pre_candidate : Role::candidate;
  if (!pre) set_hard_state({term() + 1, self_});
  for (const auto& voter : log_.configuration().voters()) {
    if (voter.names(self_)) continue;
    auto message = message_to(
        voter,
        VoteRequest{.pre = pre, .transfer = transfer, .last_index = log_.last_index(), .last_term = log_.last_term()});
    if (pre) {
      message.term = term() + 1;
      messages_.push_back(std::move(message));
    } else {
      // Not before its own vote, and the log it boasts of, are durable: else a crash could leave it with votes that a
      // longer log won.
      messages_after_.push_back(std::move(message));
    }
  }
  if (!pre) return;
  ask_contacts();  // by now the voters may be others
  count_vote(self_, true, now);
}

void Raft::on(const VoteRequest& request, const Message& message, Now now) {
  const bool would_be_new = request.pre && message.term > term();
  const bool is_free =
      (hard_state_.vote ? *hard_state_.vote == message.from : !leader_) || SLUICE_BUG("raft: votes twice in a term");
  const bool has_all =
      log_.is_up_to_date(request.last_index, request.last_term) || SLUICE_BUG("raft: votes for a shorter log");
  const bool granted = (would_be_new || is_free) && !(hears_leader(now) && !request.transfer) &&
                       !may_be_wiped(request, message) && has_all;
  if (request.pre) {
    auto answer = message_to(message.from, VoteResponse{.pre = true, .granted = granted});
    if (granted) {
      answer.term = message.term;
      // It is about to campaign: not both at once, where a dead leader set both off.
      election_deadline_ = std::max(election_deadline_, now.steady + options_.election_timeout / 8);
    }
    if (granted || is_hard_state_durable()) return messages_.push_back(std::move(answer));
    return messages_after_.push_back(std::move(answer));
  }
  if (granted) {
    set_hard_state({term(), message.from});
    reset_election_deadline(now);
  }
  if (SLUICE_BUG("raft: tells a vote before it is durable")) {
    return send(message.from, VoteResponse{.pre = false, .granted = granted});
  }
  reply_when_durable(message.from, VoteResponse{.pre = false, .granted = granted});
}

void Raft::on(const VoteResponse& response, const Message& message, Now now) {
  if (!candidacy_ || candidacy_->pre != response.pre) return;
  const auto asked = candidacy_->pre ? term() + 1 : term();
  if (response.granted && message.term != asked) return;  // of an earlier campaign
  count_vote(message.from, response.granted, now);
}

void Raft::count_vote(const ReplicaKey& from, bool granted, Now now) {
  const auto& configuration = log_.configuration();
  if (!configuration.has(from)) return;
  const auto known = candidacy_->directories.try_emplace(from.node, from.directory).first;
  if (known->second != from.directory) return;  // one disk of a node speaks for it
  candidacy_->votes.try_emplace(from.node, granted);
  const auto count = [&](bool kind) {
    return holds_for_majority(configuration, [&](const ReplicaKey& voter) {
      const auto vote = candidacy_->votes.find(voter.node);
      return vote != candidacy_->votes.end() && vote->second == kind;
    });
  };
  if (count(true)) {
    if (candidacy_->pre) return campaign(false, false, now);
    return become_leader(now);
  }
  if (count(false)) become_follower(term(), std::nullopt, now);
}

/// Its own vote counts once it is durable.
void Raft::count_own_vote(Now now) {
  if (role_ != Role::candidate || !is_hard_state_durable() || candidacy_->votes.contains(self_.node)) return;
  count_vote(self_, true, now);
}

void Raft::become_leader(Now now) {
  SLUICE_ASSERT(role_ == Role::candidate && hard_state_.vote == self_ && is_hard_state_durable(), term());
  auto directories = std::move(candidacy_->directories);
  candidacy_.reset();
  role_ = Role::leader;
  leader_ = self_;
  auto& office = leadership_.emplace();
  office.term_start = office.uncommitted_first = log_.last_index() + 1;
  office.heartbeat_due = now.steady + options_.heartbeat_interval;
  office.quorum_check_due = now.steady + options_.election_timeout;
  office.heartbeat_wanted = true;
  office.directories = std::move(directories);
  on_configuration_changed(now);
  // The first entry of the term: only with it is anything committed (3.6.2). Voters that were listed without their
  // directories are named in full; the same nodes form the same majorities, so this is no change in the sense of 4.1.
  const auto pinned = pinned_configuration();
  const bool is_news = log_.configuration_index() == kNoIndex || pinned != log_.configuration();
  append_own(is_news ? EntryType::configuration : EntryType::leader_change, {}, is_news ? pinned : Configuration{},
             now);
  if (is_news) on_configuration_changed(now);
  advance_commit(now);
  has_work_ = true;
}

}  // namespace sluice::broker::raft

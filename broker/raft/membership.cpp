#include <algorithm>

#include "broker/raft/raft.hpp"
#include "protocol/base/assert.hpp"
#include "protocol/base/planted_bug.hpp"

namespace sluice::broker::raft {

Refusal Raft::check_change() const {
  if (!leadership_) return Refusal::not_leader;
  if (leadership_->transfer) return Refusal::transfer_pending;
  // The rule that Raft 4.1 lacked (raft-dev, July 2015): before that, a change of an earlier term that nobody here
  // knows of may be committed, and its majorities need not meet those of this one.
  const bool may_begin = has_committed_in_term() || SLUICE_BUG("raft: changes voters before it committed anything");
  if (!may_begin) return Refusal::no_commit_in_term;
  const bool is_pending = log_.configuration_index() > log_.commit_index();
  if (is_pending && !SLUICE_BUG("raft: changes voters while a change is pending")) return Refusal::change_pending;
  return Refusal::none;
}

Proposed Raft::add_voter(const ReplicaKey& voter, Now now) {
  if (const auto refusal = check_change(); refusal != Refusal::none) return {refusal, {}};
  if (log_.configuration().find(voter.node) != nullptr) return {Refusal::already_voter, {}};
  const auto learner = leadership_->progress.find(voter);
  if (!voter.is_pinned() || learner == leadership_->progress.end()) return {Refusal::unknown_replica, {}};
  // Thesis 4.2.1: else commits might wait for it to catch up.
  const auto& progress = learner->second;
  if (progress.match() + options_.caught_up_entries_max < log_.last_index() || progress.match() == kNoIndex ||
      now.steady >= progress.heard_at() + options_.election_timeout) {
    return {Refusal::not_caught_up, {}};
  }
  return change_if_all_known(log_.configuration().with(voter), now);
}

Proposed Raft::remove_voter(const ReplicaKey& voter, Now now) {
  if (const auto refusal = check_change(); refusal != Refusal::none) return {refusal, {}};
  const auto* found = log_.configuration().find(voter.node);
  if (found == nullptr || *found != voter) return {Refusal::unknown_replica, {}};
  if (log_.configuration().voters().size() == 1) return {Refusal::last_voter, {}};
  return change_if_all_known(log_.configuration().without(voter.node), now);
}

/// A voter that has not been heard of yet can't be relied upon: with an empty log it may not even vote (may_be_wiped).
Proposed Raft::change_if_all_known(Configuration configuration, Now now) {
  const auto& voters = configuration.voters();
  const bool all_known = std::all_of(voters.begin(), voters.end(), [](const auto& voter) { return voter.is_pinned(); });
  if (!all_known) return {Refusal::not_caught_up, {}};
  return change_voters(std::move(configuration), now);
}

/// Raft 4.1: it holds as soon as it is in the log.
Proposed Raft::change_voters(Configuration configuration, Now now) {
  append_own(EntryType::configuration, {}, std::move(configuration), now);
  on_configuration_changed(now);
  return {Refusal::none, term(), log_.last_index()};
}

/// Every voter is to be fed. Those that are voters no more stay on as learners: so they find out (4.2.3).
void Raft::on_configuration_changed(Now now) {
  auto& progress = leadership_->progress;
  const auto next = leadership_->term_start;
  for (const auto& voter : log_.configuration().voters()) {
    if (voter.names(self_) || progress.contains(voter)) continue;
    auto known = progress.extract(ReplicaKey{voter.node, {}});
    if (!known.empty() && leadership_->directories[voter.node] == voter.directory) {
      known.key() = voter;
      progress.insert(std::move(known));
    } else {
      progress.try_emplace(voter, next, now.steady);
    }
  }
  std::erase_if(progress,
                [&](const auto& entry) { return !entry.first.is_pinned() && !log_.configuration().has(entry.first); });
}

/// The configuration with every directory that is known by now.
Configuration Raft::pinned_configuration() const {
  auto voters = log_.configuration().voters();
  for (auto& voter : voters) {
    if (voter.is_pinned()) continue;
    const auto known = leadership_->directories.find(voter.node);
    if (voter.names(self_)) {
      voter = self_;
    } else if (known != leadership_->directories.end()) {
      voter.directory = known->second;
    }
  }
  return Configuration{std::move(voters)};
}

void Raft::pin_voters(Now now) {
  if (check_change() != Refusal::none) return;
  auto pinned = pinned_configuration();
  if (pinned != log_.configuration()) change_voters(std::move(pinned), now);
}

/// Raft 4.2.2: a leader that removed itself stays until that is committed, then hands over to who has the most.
void Raft::leave_office_if_removed(Now now) {
  if (is_voter()) return;
  const auto& voters = log_.configuration().voters();
  const auto successor = std::max_element(voters.begin(), voters.end(), [&](const auto& left, const auto& right) {
    return match_of(left) < match_of(right);
  });
  SLUICE_ASSERT(successor != voters.end(), self_);
  ask_to_campaign(*successor);
  become_follower(term(), std::nullopt, now);
}

}  // namespace sluice::broker::raft

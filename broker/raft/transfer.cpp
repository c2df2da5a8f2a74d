#include "broker/raft/raft.hpp"

namespace sluice::broker::raft {

Refusal Raft::transfer(BrokerId target, Now now) {
  if (!leadership_) return Refusal::not_leader;
  if (leadership_->transfer) return Refusal::transfer_pending;
  const auto* voter = log_.configuration().find(target);
  if (voter == nullptr || voter->names(self_)) return Refusal::unknown_replica;
  leadership_->transfer = Transfer{.target = *voter, .deadline = now.steady + options_.election_timeout};
  has_work_ = true;
  return Refusal::none;
}

/// Once the target has the whole log, which no longer grows, it is told.
void Raft::advance_transfer() {
  auto& transfer = leadership_->transfer;
  if (!transfer || transfer->asked || match_of(transfer->target) < log_.last_index()) return;
  transfer->asked = true;
  ask_to_campaign(transfer->target);
}

void Raft::ask_to_campaign(const ReplicaKey& target) {
  // The target's campaign is not held back by what voters promised this leader, and its start may be delayed for long:
  // there is no lease from here to the end of the term.
  leadership_->lease_forfeited = true;
  send(target, TimeoutNow{});
}

void Raft::on(const TimeoutNow&, const Message&, Now now) {
  if (is_voter() && !leadership_ && role_ != Role::candidate) campaign(false, true, now);
}

}  // namespace sluice::broker::raft

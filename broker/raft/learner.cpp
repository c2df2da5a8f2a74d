#include <algorithm>

#include "broker/raft/raft.hpp"

namespace sluice::broker::raft {

/// A learner that hears no leader asks everybody it knows of.
void Raft::seek_leader(Now now) {
  leader_.reset();
  heard_at_.reset();
  reset_election_deadline(now);
  for (const auto& voter : log_.configuration().voters()) {
    if (voter.node != self_.node) reply(voter, FollowRequest{.last_index = log_.last_index()});
  }
  ask_contacts();
}

void Raft::ask_contacts() {
  for (const auto node : contacts_) {
    const bool is_known = node == self_.node || log_.configuration().find(node) != nullptr;
    if (!is_known) reply({node, {}}, FollowRequest{.last_index = log_.last_index()});
  }
}

void Raft::on(const FollowRequest& request, const Message& message, Now now) {
  if (!leadership_) return reply(message.from, FollowResponse{.leader = leader_});
  // A learner that threw its damaged log away asks like a new one. What a voter acknowledged is not taken back.
  auto& progress = leadership_->progress;
  const auto known = progress.find(message.from);
  const bool lost_some = known != progress.end() && request.last_index < known->second.match();
  if (lost_some && !log_.configuration().has(message.from)) progress.erase(known);
  adopt_learner(message.from, now);
}

void Raft::on(const FollowResponse& response, const Message& message, Now now) {
  if (!is_voter() && leader_ == message.from) leader_.reset();  // it is no longer
  if (leader_) return;
  if (response.leader && *response.leader != self_) {
    return reply(*response.leader, FollowRequest{.last_index = log_.last_index()});
  }
  if (is_voter()) return;
  election_deadline_ = std::min(
      election_deadline_, now.steady + options_.heartbeat_interval + random_duration(options_.heartbeat_interval));
}

std::size_t Raft::learner_count() const {
  return static_cast<std::size_t>(std::ranges::count_if(
      leadership_->progress, [this](const auto& entry) { return !log_.configuration().has(entry.first); }));
}

/// From now on it is fed as voters are, and counts for nothing.
void Raft::adopt_learner(const ReplicaKey& learner, Now now) {
  if (!learner.is_pinned()) return;
  auto* progress = find_progress(learner);
  if (progress == nullptr) {
    // Anybody can ask, in any name.
    if (learner_count() >= options_.learners_max) return;
    progress = &leadership_->progress.try_emplace(learner, log_.last_index() + 1, now.steady).first->second;
  }
  progress->on_pulse({}, now.steady);
  progress->on_alive(true);
}

void Raft::forget_silent_learners(Now now) {
  std::erase_if(leadership_->progress, [&](const auto& entry) {
    const auto& [replica, progress] = entry;
    const auto* voter = log_.configuration().find(replica.node);
    const bool votes = voter != nullptr && *voter == replica;
    return !votes && now.steady >= progress.heard_at() + options_.learner_timeout;
  });
}

}  // namespace sluice::broker::raft

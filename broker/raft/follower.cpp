#include <algorithm>

#include "broker/raft/raft.hpp"
#include "protocol/base/planted_bug.hpp"

namespace sluice::broker::raft {

/// A leader of this term spoke. False: this server leads the term itself, and nobody else can (Raft 3.4): what claims
/// to come from another leader is damaged or made up, and to be dropped.
bool Raft::follow(const ReplicaKey& leader, Now now) {
  if (leadership_) return false;
  if (candidacy_ || leader_ != leader) become_follower(term(), leader, now);
  heard_at_ = now.steady;
  campaigns_ = 0;
  reset_election_deadline(now);
  return true;
}

void Raft::on(const AppendRequest& request, const Message& message, Now now) {
  if (!follow(message.from, now)) return;
  const bool is_sound = std::all_of(request.entries.begin(), request.entries.end(),
                                    [](const Entry& entry) { return entry.checksum == checksum_of(entry); });
  if (!is_sound) return;  // damaged on its way; the leader sends it again
  if (request.prev_index < log_.commit_index()) {
    return reply_when_durable(
        message.from,
        AppendResponse{
            .accepted = true, .index = log_.commit_index(), .hint_index{}, .hint_term{}, .pulse = request.pulse});
  }
  const bool fits = SLUICE_BUG("raft: compares no terms") && request.prev_index <= log_.last_index();
  if (!fits && !log_.matches(request.prev_index, request.prev_term)) {
    // Raft 3.5, the optimization: one refusal a term, not one an entry.
    const auto hint = log_.last_at_most(request.prev_index, request.prev_term);
    return reply(message.from, AppendResponse{.accepted = false,
                                              .index = request.prev_index,
                                              .hint_index = hint,
                                              .hint_term = log_.term(hint).value_or(kNoTerm),
                                              .pulse = request.pulse});
  }
  const auto last = request.entries.empty() ? request.prev_index : request.entries.back().index;
  log_.merge(request.entries);
  log_.commit_to(std::min(request.commit_index, last));
  settle_role();
  if (SLUICE_BUG("raft: acknowledges before it is durable")) {
    return send(message.from,
                AppendResponse{.accepted = true, .index = last, .hint_index{}, .hint_term{}, .pulse = request.pulse});
  }
  reply_when_durable(
      message.from,
      AppendResponse{.accepted = true, .index = last, .hint_index{}, .hint_term{}, .pulse = request.pulse});
}

void Raft::on(const Heartbeat& heartbeat, const Message& message, Now now) {
  if (!follow(message.from, now)) return;
  log_.commit_to(std::min(heartbeat.commit_index, log_.last_index()));
  settle_role();
  reply(message.from, HeartbeatResponse{.pulse = heartbeat.pulse});
}

}  // namespace sluice::broker::raft

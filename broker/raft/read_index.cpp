#include <limits>
#include <utility>

#include "broker/raft/quorum.hpp"
#include "broker/raft/raft.hpp"
#include "protocol/base/planted_bug.hpp"

namespace sluice::broker::raft {

void Raft::read(ReadTicket ticket, Now now) {
  has_work_ = true;
  if (leadership_) return accept_read({.from = std::nullopt, .ticket = ticket}, now);
  if (leader_) return reply(*leader_, ReadRequest{ticket});
  reads_.push_back({ticket, std::nullopt});
}

void Raft::on(const ReadRequest& request, const Message& message, Now now) {
  const Read read{.from = message.from, .ticket = request.ticket};
  if (!leadership_) return answer(read, std::nullopt);
  accept_read(read, now);
}

void Raft::on(const ReadResponse& response, const Message&, Now) {
  reads_.push_back({response.ticket, response.index});
}

bool Raft::has_committed_in_term() const { return leadership_ && log_.commit_index() >= leadership_->term_start; }

void Raft::accept_read(Read read, Now now) {
  // Thesis 6.4, step 1: before that, what its predecessors committed may be more than it knows.
  const bool knows_all = has_committed_in_term() || SLUICE_BUG("raft: reads before an entry of its term is committed");
  if (!knows_all) return leadership_->postponed.push_back(std::move(read));
  read.index = log_.commit_index();
  if (holds_lease(now) || SLUICE_BUG("raft: reads without a round")) return answer(read, read.index);
  leadership_->unconfirmed.push_back(std::move(read));
}

void Raft::admit_postponed_reads(Now now) {
  if (!has_committed_in_term()) return;
  for (auto& read : std::exchange(leadership_->postponed, {})) accept_read(std::move(read), now);
}

/// Thesis 6.4, step 3: one round of heartbeats for all reads that came since the last.
void Raft::begin_read_round() {
  auto& reads = leadership_->unconfirmed;
  if (reads.empty() || reads.back().round != 0) return;
  const auto round = ++leadership_->round;
  for (auto read = reads.rbegin(); read != reads.rend() && read->round == 0; ++read) read->round = round;
  leadership_->heartbeat_wanted = true;
  confirm_reads();  // a voter that is alone
}

void Raft::confirm_reads() {
  const auto confirmed = reached_by_majority<std::uint64_t>(log_.configuration(), [&](const ReplicaKey& voter) {
    if (voter == self_) return leadership_->round;
    const auto found = leadership_->progress.find(voter);
    if (found == leadership_->progress.end() || !found->second.acked()) return std::uint64_t{0};
    return found->second.acked()->round;
  });
  auto& reads = leadership_->unconfirmed;
  while (confirmed && !reads.empty() && reads.front().round != 0 && reads.front().round <= *confirmed) {
    answer(reads.front(), reads.front().index);
    reads.pop_front();
  }
}

/// Thesis 6.4.1. Whoever answered to what was sent at some moment votes for nobody else until an election timeout
/// later, by its clock; the lease ends before that by any clock within the drift.
bool Raft::holds_lease(Now now) const {
  if (!options_.lease_reads || !has_committed_in_term()) return false;
  if (leadership_->lease_forfeited && !SLUICE_BUG("raft: keeps its lease while it hands over")) return false;
  constexpr auto kNever = std::numeric_limits<Instant::rep>::min();
  const auto since = reached_by_majority<Instant::rep>(log_.configuration(), [&](const ReplicaKey& voter) {
    if (voter == self_) return now.steady.count();
    const auto found = leadership_->progress.find(voter);
    if (found == leadership_->progress.end() || !found->second.acked()) return kNever;
    return found->second.acked()->sent_at.count();
  });
  if (!since || *since == kNever) return false;
  constexpr std::int64_t kMillion = 1'000'000;
  const auto length =
      options_.election_timeout * (kMillion - options_.clock_drift_ppm) / (kMillion + options_.clock_drift_ppm);
  return now.steady < Instant{*since} + length;
}

void Raft::answer(const Read& read, std::optional<LogIndex> index) {
  has_work_ = true;
  if (read.from) return reply(*read.from, ReadResponse{read.ticket, index});
  reads_.push_back({read.ticket, index});
}

void Raft::refuse_reads() {
  for (const auto* reads : {&leadership_->postponed, &leadership_->unconfirmed}) {
    for (const auto& read : *reads) answer(read, std::nullopt);
  }
}

}  // namespace sluice::broker::raft

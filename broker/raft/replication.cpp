#include <algorithm>

#include "broker/raft/quorum.hpp"
#include "broker/raft/raft.hpp"
#include "protocol/base/assert.hpp"
#include "protocol/base/planted_bug.hpp"

namespace sluice::broker::raft {

Proposed Raft::propose(std::vector<std::string> commands, Now now) {
  if (!leadership_) return {Refusal::not_leader, {}};
  if (leadership_->transfer) return {Refusal::transfer_pending, {}};
  if (leadership_->uncommitted_bytes >= options_.uncommitted_bytes_max) return {Refusal::too_much_uncommitted, {}};
  for (auto& command : commands) append_own(EntryType::command, std::move(command), {}, now);
  return {Refusal::none, term(), log_.last_index()};
}

void Raft::append_own(EntryType type, std::string data, Configuration configuration, Now now) {
  Entry entry{.index = log_.last_index() + 1,
              .term = term(),
              .type = type,
              .timestamp = now.wall,
              .data = std::move(data),
              .configuration = std::move(configuration)};
  entry.checksum = checksum_of(entry);
  leadership_->uncommitted.push_back(size_of(entry));
  leadership_->uncommitted_bytes += size_of(entry);
  log_.append(std::move(entry));
  has_work_ = true;
}

void Raft::release_uncommitted() {
  auto& office = *leadership_;
  for (; !office.uncommitted.empty() && office.uncommitted_first <= log_.commit_index();
       office.uncommitted_first = office.uncommitted_first + 1) {
    office.uncommitted_bytes -= office.uncommitted.front();
    office.uncommitted.pop_front();
  }
}

Progress* Raft::find_progress(const ReplicaKey& replica) {
  auto& progress = leadership_->progress;
  if (const auto found = progress.find(replica); found != progress.end()) return &found->second;
  const auto unpinned = progress.find(ReplicaKey{replica.node, {}});
  if (unpinned == progress.end()) return nullptr;
  const auto known = leadership_->directories.try_emplace(replica.node, replica.directory).first;
  return known->second == replica.directory ? &unpinned->second : nullptr;
}

void Raft::on(const AppendResponse& response, const Message& message, Now now) {
  auto* progress = leadership_ ? find_progress(message.from) : nullptr;
  if (progress == nullptr) return;
  progress->on_pulse(response.pulse, now.steady);
  confirm_reads();
  if (!response.accepted) {
    progress->on_refused(response.index, log_.last_at_most(response.hint_index, response.hint_term));
  } else if (response.index <= log_.last_index()) {
    progress->on_accepted(response.index);
    advance_commit(now);
  }
  if (leadership_) pin_voters(now);
}

void Raft::on(const HeartbeatResponse& response, const Message& message, Now now) {
  auto* progress = leadership_ ? find_progress(message.from) : nullptr;
  if (progress == nullptr) return;
  progress->on_pulse(response.pulse, now.steady);
  progress->on_alive(progress->match() < log_.last_index());
  progress->retry_chunk(now.steady - options_.election_timeout);
  confirm_reads();
}

void Raft::replicate(Now now) {
  for (auto& [replica, progress] : leadership_->progress) replicate_to(replica, progress, now);
}

/// Fills the window of one follower: entries go out before their predecessors were answered (thesis 10.2.1), and while
/// this server's own disk still writes them.
void Raft::replicate_to(const ReplicaKey& to, Progress& progress, Now now) {
  if (progress.state() != Progress::State::snapshot && !log_.term(progress.next() - 1)) {
    progress.start_snapshot(log_.snapshot());
  }
  if (progress.state() == Progress::State::snapshot) {
    if (progress.may_send_chunk()) send_chunk(to, progress, now);
    return;
  }
  while (progress.may_append(options_) && progress.next() <= log_.last_index()) {
    auto entries = log_.entries(progress.next(), log_.last_index() + 1, options_.append_bytes_max);
    if (entries.empty()) break;
    send_append(to, progress, std::move(entries), now);
  }
  if (progress.wants_empty_append(log_.commit_index())) send_append(to, progress, {}, now);
}

void Raft::send_append(const ReplicaKey& to, Progress& progress, std::vector<Entry> entries, Now now) {
  const auto prev = progress.next() - 1;
  const auto prev_term = log_.term(prev);
  SLUICE_ASSERT(prev_term, prev);
  std::size_t bytes = 0;
  for (const auto& entry : entries) bytes += size_of(entry);
  progress.on_append_sent(entries.empty() ? prev : entries.back().index, bytes, log_.commit_index());
  send(to, AppendRequest{.prev_index = prev,
                         .prev_term = *prev_term,
                         .commit_index = log_.commit_index(),
                         .pulse = pulse(now),
                         .entries = std::move(entries)});
}

void Raft::broadcast_heartbeat(Now now) {
  leadership_->heartbeat_wanted = false;
  leadership_->heartbeat_due = now.steady + options_.heartbeat_interval;
  for (const auto& [replica, progress] : leadership_->progress) {
    // No further than what it has for certain: a heartbeat does not compare logs.
    send(replica, Heartbeat{.commit_index = std::min(progress.match(), log_.commit_index()), .pulse = pulse(now)});
  }
}

/// What a voter counts for towards a majority. One without a known directory counts for nothing: its next answer may
/// come from another disk.
LogIndex Raft::match_of(const ReplicaKey& voter) const {
  if (!voter.is_pinned()) return kNoIndex;
  if (voter == self_) {
    return SLUICE_BUG("raft: counts its own entries before they are durable") ? log_.last_index()
                                                                              : log_.durable_index();
  }
  const auto found = leadership_->progress.find(voter);
  return found == leadership_->progress.end() ? kNoIndex : found->second.match();
}

void Raft::advance_commit(Now now) {
  auto reached =
      reached_by_majority<LogIndex>(log_.configuration(), [&](const ReplicaKey& voter) { return match_of(voter); });
  if (SLUICE_BUG("raft: counts who is no voter")) {
    std::vector<LogIndex> all{log_.durable_index()};
    for (const auto& [replica, progress] : leadership_->progress) all.push_back(progress.match());
    std::sort(all.rbegin(), all.rend());
    reached = all[std::min(all.size(), majority_of(log_.configuration().voters().size())) - 1];
  }
  if (!reached || *reached <= log_.commit_index()) return;
  // Raft 3.6.2: entries of earlier terms are committed by one of this term after them, never by counting.
  if (log_.term(*reached) != term() && !SLUICE_BUG("raft: commits entries of older terms by counting")) return;
  log_.commit_to(*reached);
  after_commit(now);
}

void Raft::after_commit(Now now) {
  has_work_ = true;
  release_uncommitted();
  admit_postponed_reads(now);
  leave_office_if_removed(now);
  if (leadership_) pin_voters(now);
}

void Raft::tick_leader(Now now) {
  auto& office = *leadership_;
  if (now.steady >= office.quorum_check_due) {
    // Thesis 6.2: a leader cut off from the majority makes way, so that clients look elsewhere.
    if (!hears_majority(now)) return become_follower(term(), std::nullopt, now);
    office.quorum_check_due = now.steady + options_.election_timeout / 2;
    forget_silent_learners(now);
  }
  if (office.transfer && now.steady >= office.transfer->deadline) office.transfer.reset();
  if (now.steady >= office.heartbeat_due) office.heartbeat_wanted = true;
}

bool Raft::hears_majority(Now now) const {
  return holds_for_majority(log_.configuration(), [&](const ReplicaKey& voter) {
    if (voter.names(self_)) return true;
    const auto found = leadership_->progress.find(voter);
    return found != leadership_->progress.end() && now.steady < found->second.heard_at() + options_.election_timeout;
  });
}

}  // namespace sluice::broker::raft

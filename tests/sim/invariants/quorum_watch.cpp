#include "tests/sim/invariants/quorum_watch.hpp"

#include <algorithm>

#include "broker/raft/quorum.hpp"

namespace sluice::sim {

using namespace broker::raft;

bool QuorumWatch::holds(const Disk& disk, LogIndex index, Term term) {
  if (disk.snapshot.index >= index) return true;
  return index <= disk.last && disk.terms[static_cast<std::size_t>(index.value() - 1)] == term;
}

void QuorumWatch::read_disk(Watched& server) {
  auto& disk = server.disk;
  const auto& store = *server.store;
  disk.state = store.hard_state();
  disk.snapshot = store.snapshot();
  if (store.last_index() != disk.last) disk.last_before = std::min(disk.last, store.last_index());
  disk.last = store.last_index();
  disk.terms.resize(static_cast<std::size_t>(disk.last.value()), kNoTerm);
  // A log that was cut has other entries from there on, a newer term's each.
  for (auto index = disk.last; index >= store.first_index() && index > kNoIndex; index = index - 1) {
    auto& known = disk.terms[static_cast<std::size_t>(index.value() - 1)];
    const auto term = store.term(index).value_or(kNoTerm);
    if (known == term) break;
    known = term;
  }
}

void QuorumWatch::watch(const ReplicaKey& key, const Raft& raft, const RaftStore& store) {
  auto& server = servers_[key];
  const auto before = server.disk;
  server.raft = &raft;
  server.store = &store;
  server.disk.terms.clear();
  read_disk(server);
  const auto& durable = server.disk.state;
  require(durable.term >= before.state.term, "a term is not forgotten", key, durable.term, before.state.term);
  require(durable.term > before.state.term || !before.state.vote || durable.vote == before.state.vote,
          "a vote is not forgotten (3.8)", key, durable.term);
  require(raft.term() == durable.term && raft.hard_state().vote == durable.vote,
          "a server goes on with the vote that its disk has (3.8)", key, durable.term);
  if (before.last > kNoIndex && before.last > server.disk.snapshot.index) {
    const auto last_term = before.terms.back();
    const bool is_there = holds(server.disk, before.last, last_term);
    const bool is_begun_anew = server.is_rotten && !server.was_voter && server.disk.last == kNoIndex;
    const bool is_last_batch_gone = server.is_rotten && server.disk.last >= before.last_before;
    const bool is_cut_by_leader = server.replaced_from && server.disk.last + 1 >= server.replaced_from->index;
    require(is_there || is_cut_by_leader || is_begun_anew || is_last_batch_gone || durable.term > before.state.term ||
                server.disk.last >= before.last,
            "what was durable in the log is there after a restart", key, before.last, server.disk.last);
  }
  server.is_rotten = false;
  server.replaced_from.reset();
  server.commit = raft.log().commit_index();
  server.applied = store.snapshot().index;
  server.term = durable.term;
}

void QuorumWatch::note_rotten(const ReplicaKey& key) {
  if (const auto found = servers_.find(key); found != servers_.end()) found->second.is_rotten = true;
}

void QuorumWatch::forget(const ReplicaKey& key) {
  const auto found = servers_.find(key);
  if (found == servers_.end()) return;
  if (found->second.raft != nullptr) found->second.was_voter = found->second.raft->is_voter();
  found->second.raft = nullptr;
  found->second.store = nullptr;
}

void QuorumWatch::check(const ReplicaKey& key) {
  auto& server = servers_.at(key);
  if (server.raft == nullptr) return;
  const auto& raft = *server.raft;
  require(raft.term() >= server.term, "terms grow (3.3)", key, raft.term(), server.term);
  server.term = raft.term();
  const auto& log = raft.log();
  require(log.commit_index() >= server.commit, "a commit index never goes back", key, log.commit_index());
  require(log.commit_index() <= log.last_index(), "what is committed is in the log", key);
  require(raft.is_voter() || (raft.role() != Role::candidate && raft.role() != Role::pre_candidate),
          "who is no voter asks for no votes", key);
  const bool leads_on = raft.role() == Role::leader && server.leads_in == raft.term();
  require(!leads_on || log.commit_index() == server.commit || log.term(log.commit_index()) == raft.term(),
          "leaders commit what is of older terms with an entry of their own (5.4.2)", key, log.commit_index());
  server.leads_in = raft.role() == Role::leader ? raft.term() : Term{};
  while (server.commit < log.commit_index()) {
    auto news = log.entries(server.commit + 1, log.commit_index() + 1, std::size_t{1} << 20);
    if (news.empty()) {  // a snapshot jumped over them
      server.commit = std::max(server.commit + 1, log.first_index() - 1);
      require(server.commit <= commit_index(), "a snapshot holds only what is committed", key, server.commit);
      continue;
    }
    for (const auto& entry : news) note_committed(server, entry);
    server.commit = news.back().index;
  }
}

void QuorumWatch::note_committed(const Watched& server, const Entry& entry) {
  const Identity identity{entry.term, entry.checksum, server.raft->term()};
  if (entry.index <= commit_index()) {
    const auto& known = committed_[static_cast<std::size_t>(entry.index.value() - 1)];
    require(known.term == identity.term && known.checksum == identity.checksum,
            "what is committed is the same everywhere (log matching, 3.2)", entry.index);
    return;
  }
  require(entry.index == commit_index() + 1, "commits have no gaps", entry.index);
  committed_.push_back(identity);
  if (server.raft->role() == Role::leader) check_majority_has(*server.raft, entry.index, entry.term);
  for (const auto& [key, other] : servers_) {
    if (other.raft != nullptr && other.raft->role() == Role::leader && other.raft->term() > identity.committed_in) {
      require(other.raft->log().first_index() > entry.index || other.raft->log().matches(entry.index, entry.term),
              "leaders hold what was committed before them (leader completeness, 3.6.3)", key, entry.index);
    }
  }
}

void QuorumWatch::check_majority_has(const Raft& leader, LogIndex index, Term term) const {
  const auto has = [&](const ReplicaKey& voter) {
    const auto server = servers_.find(voter);
    return server != servers_.end() && holds(server->second.disk, index, term);
  };
  require(holds_for_majority(leader.log().configuration(), has), "what is committed is durable on a majority",
          leader.self(), index);
}

void QuorumWatch::check_entries(const ReplicaKey& key, const std::vector<Entry>& entries) {
  const auto found = servers_.find(key);
  if (found == servers_.end() || found->second.raft == nullptr) return;
  const auto& log = found->second.raft->log();
  auto& server = found->second;
  check_voter_changes(*server.raft, entries);
  if (!entries.empty() && entries.front().index <= server.disk.last && !server.replaced_from) {
    server.replaced_from = entries.front();
  }
  for (const auto& entry : entries) {
    const auto prev_term = log.term(entry.index - 1);
    require(prev_term.has_value(), "logs have no gaps", key, entry.index);
    const Lineage lineage{entry.checksum, *prev_term};
    const auto known = entries_.try_emplace({entry.index, entry.term}, lineage).first;
    require(known->second == lineage, "entries of one index and term are the same, and so is all before (3.5)", key,
            entry.index, entry.term);
    require(entry.term >= *prev_term, "terms grow along a log", key, entry.index);
  }
}

void QuorumWatch::check_disk(const ReplicaKey& key) {
  auto& server = servers_.at(key);
  read_disk(server);
  if (server.replaced_from && holds(server.disk, server.replaced_from->index, server.replaced_from->term)) {
    server.replaced_from.reset();
  }
  const auto& state = server.disk.state;
  if (!state.vote) return;
  const auto known = votes_.try_emplace({key, state.term}, *state.vote).first;
  require(known->second == *state.vote, "one vote a term (3.4)", key, state.term, known->second, *state.vote);
}

void QuorumWatch::check_message(const Message& message) {
  const auto found = servers_.find(message.from);
  if (found == servers_.end()) return;  // of its first moments
  const auto& disk = found->second.disk;
  const auto& durable = disk.state;
  const auto* request = std::get_if<VoteRequest>(&message.body);
  const auto* response = std::get_if<VoteResponse>(&message.body);
  if ((request != nullptr && request->pre) || (response != nullptr && response->pre && response->granted)) return;
  require(durable.term >= message.term, "a term is durable before it is told", message.from, message.term);
  if (durable.term > message.term) return;  // it moved on
  if (request != nullptr) require(durable.vote == message.from, "a candidate's own vote is durable", message.from);
  if (response != nullptr && response->granted) {
    require(durable.vote == message.to, "a vote is durable before it is given (3.8)", message.from, message.term);
  }
  if (const auto* append = std::get_if<AppendResponse>(&message.body); append != nullptr && append->accepted) {
    require(disk.last >= append->index, "entries are durable before they are acknowledged (3.8)", message.from,
            append->index, disk.last);
  }
}

void QuorumWatch::check_role(const ReplicaKey& key, const RoleChange& change) {
  if (change.role != Role::leader) return;
  const auto known = leaders_.try_emplace(change.term, key).first;
  require(known->second == key, "one leader a term (election safety, 3.2)", change.term, key, known->second);
  check_leader_has_committed(*servers_.at(key).raft);
}

void QuorumWatch::check_leader_has_committed(const Raft& leader) const {
  const auto& log = leader.log();
  for (auto index = log.first_index(); index <= commit_index(); index = index + 1) {
    const auto& known = committed_[static_cast<std::size_t>(index.value() - 1)];
    require(known.committed_in >= leader.term() || log.matches(index, known.term),
            "leaders hold what was committed before them (leader completeness, 3.6.3)", leader.self(), index);
  }
}

void QuorumWatch::check_applied(const ReplicaKey& key, const Entry& entry) {
  auto& server = servers_.at(key);
  require(entry.index == server.applied + 1, "entries are applied in order, each once", key, entry.index,
          server.applied);
  server.applied = entry.index;
  require(entry.index <= commit_index(), "only what is committed is applied", key, entry.index);
  const auto& known = committed_[static_cast<std::size_t>(entry.index.value() - 1)];
  require(known.term == entry.term && known.checksum == entry.checksum,
          "state machines apply the same (state machine safety, 3.2)", key, entry.index);
}

void QuorumWatch::check_read(const ReplicaKey& key, LogIndex began, LogIndex index) {
  ++reads_;
  require(index >= began, "a read is as new as what was committed when it began (linearizability, 6.4)", key, index,
          began);
}

/// Thesis 4.1 and its correction: one voter at a time, and not before the leader knows what is committed.
void QuorumWatch::check_voter_changes(const Raft& leader, const std::vector<Entry>& entries) const {
  if (leader.role() != Role::leader) return;
  const auto& log = leader.log();
  // The first entry of a term may name the same voters in full.
  const auto change = std::find_if(entries.rbegin(), entries.rend(), [&](const Entry& entry) {
    return entry.type == EntryType::configuration && entry.term == leader.term() &&
           log.term(entry.index - 1) == entry.term;
  });
  if (change == entries.rend()) return;
  const auto index = change->index;
  require(log.term(log.commit_index()) == leader.term(), "a leader changes voters only once it committed (4.1)",
          leader.self(), index);
  for (auto before = log.commit_index() + 1; before < index; before = before + 1) {
    const auto entry = log.entries(before, before + 1, 1);
    require(entry.empty() || entry.front().type != EntryType::configuration, "one change of voters at a time (4.1)",
            leader.self(), index, before);
  }
}

void QuorumWatch::check_installed(const ReplicaKey& key, const SnapshotMeta& snapshot) {
  auto& server = servers_.at(key);
  require(snapshot.index > server.applied, "a snapshot is no step back", key, snapshot.index, server.applied);
  require(snapshot.index <= commit_index(), "a snapshot holds only what is committed", key, snapshot.index);
  server.applied = snapshot.index;
}

/// Whether the others are enough without it, with a majority that has everything.
bool QuorumWatch::may_lose_disk(const ReplicaKey& key) const {
  for (const auto& [leader_key, server] : servers_) {
    if (server.raft == nullptr || server.raft->role() != Role::leader) continue;
    const auto& voters = server.raft->log().configuration();
    if (!voters.has(key)) return true;
    std::size_t with_all = 0;
    for (const auto& voter : voters.voters()) {
      const auto other = servers_.find(voter);
      if (voter.names(key) || other == servers_.end() || other->second.raft == nullptr) continue;
      if (other->second.disk.last >= commit_index()) ++with_all;
    }
    return with_all * 2 > voters.voters().size();
  }
  return false;
}

}  // namespace sluice::sim

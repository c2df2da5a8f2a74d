#include "tests/unit/broker/raft/raft_invariants.hpp"

#include <sstream>

#include "broker/raft/quorum.hpp"

namespace sluice::test {
namespace {

template <class... Values>
void require(bool condition, const char* promise, const Values&... values) {
  if (condition) return;
  std::ostringstream out;
  out << promise << ':';
  ((out << ' ' << values), ...);
  throw Violation(out.str());
}

/// Whether the disk holds that entry, or a snapshot over it.
bool holds(const MemoryLog& disk, LogIndex index, Term term) {
  return disk.snapshot().index >= index || disk.term(index) == term;
}

}  // namespace

void RaftInvariants::watch(const ReplicaKey& key, const Raft* raft, const MemoryLog* disk) {
  auto& server = servers_[key];
  require(raft == nullptr || raft->term() >= disk->hard_state().term, "a term is not forgotten", key);
  server = {raft, disk, raft == nullptr ? kNoIndex : raft->log().commit_index(), disk->hard_state().term};
}

void RaftInvariants::check(const ReplicaKey& key) {
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
  while (server.commit < log.commit_index()) {
    auto news = log.entries(server.commit + 1, log.commit_index() + 1, std::size_t{1} << 20);
    if (news.empty()) {  // a snapshot jumped over them
      server.commit = log.first_index() - 1;
      require(server.commit <= commit_index(), "a snapshot holds only what is committed", key, server.commit);
      continue;
    }
    for (const auto& entry : news) note_committed(server, entry);
    server.commit = news.back().index;
  }
}

void RaftInvariants::note_committed(const Watched& server, const Entry& entry) {
  const Identity identity{entry.term, entry.checksum, server.raft->term()};
  if (entry.index <= commit_index()) {
    const auto& known = committed_[static_cast<std::size_t>(entry.index.value() - 1)];
    require(known.term == identity.term && known.checksum == identity.checksum,
            "what is committed is the same everywhere (3.2, log matching)", entry.index);
    return;
  }
  require(entry.index == commit_index() + 1, "commits have no gaps", entry.index);
  committed_.push_back(identity);
  if (server.raft->role() == Role::leader) check_majority_has(*server.raft, entry.index, entry.term);
  for (const auto& [key, other] : servers_) {
    if (other.raft != nullptr && other.raft->role() == Role::leader && other.raft->term() > identity.committed_in) {
      require(other.raft->log().first_index() > entry.index || other.raft->log().matches(entry.index, entry.term),
              "leaders hold what was committed before them (3.6.3)", key, entry.index);
    }
  }
}

void RaftInvariants::check_majority_has(const Raft& leader, LogIndex index, Term term) const {
  const auto has = [&](const ReplicaKey& voter) {
    const auto server = servers_.find(voter);
    return server != servers_.end() && holds(*server->second.disk, index, term);
  };
  require(holds_for_majority(leader.log().configuration(), has), "what is committed is durable on a majority",
          leader.self(), index);
}

void RaftInvariants::check_entries(const ReplicaKey& key, const std::vector<Entry>& entries) {
  const auto& log = servers_.at(key).raft->log();
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

void RaftInvariants::check_disk(const ReplicaKey& key) {
  const auto& state = servers_.at(key).disk->hard_state();
  if (!state.vote) return;
  const auto known = votes_.try_emplace({key, state.term}, *state.vote).first;
  require(known->second == *state.vote, "one vote a term (3.4)", key, state.term, known->second, *state.vote);
}

void RaftInvariants::check_message(const Message& message) {
  const auto& disk = *servers_.at(message.from).disk;
  const auto& durable = disk.hard_state();
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
    require(disk.last_index() >= append->index, "entries are durable before they are acknowledged (3.8)", message.from,
            append->index, disk.last_index());
  }
}

void RaftInvariants::check_role(const ReplicaKey& key, const RoleChange& change) {
  if (change.role != Role::leader) return;
  const auto known = leaders_.try_emplace(change.term, key).first;
  require(known->second == key, "one leader a term (3.2, election safety)", change.term, key, known->second);
  check_leader_has_committed(*servers_.at(key).raft);
}

void RaftInvariants::check_leader_has_committed(const Raft& leader) const {
  const auto& log = leader.log();
  for (auto index = log.first_index(); index <= commit_index(); index = index + 1) {
    const auto& known = committed_[static_cast<std::size_t>(index.value() - 1)];
    require(known.committed_in >= leader.term() || log.matches(index, known.term),
            "leaders hold what was committed before them (3.6.3)", leader.self(), index);
  }
}

void RaftInvariants::check_applied(const ReplicaKey& key, LogIndex index, std::uint64_t chain) {
  require(index <= commit_index(), "only what is committed is applied", key, index);
  const auto known = chains_.try_emplace(index, chain).first;
  require(known->second == chain, "state machines apply the same (3.2, state machine safety)", key, index);
}

void RaftInvariants::check_read(LogIndex since, LogIndex index) const {
  require(index >= since, "a read sees what was committed before it began (6.4)", since, index);
}

}  // namespace sluice::test

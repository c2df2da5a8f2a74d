#pragma once

#include <map>
#include <optional>
#include <vector>

#include "broker/raft/raft.hpp"
#include "broker/raft/raft_store_driver.hpp"
#include "tests/sim/world/trace.hpp"

namespace sluice::sim {

/// The promises of Raft, checked after every event (reliability: ElectionSafety, LogMatching, LeaderCompleteness,
/// StateMachineSafety; votes and acknowledgements are durable before they are told). Draws no randomness.
class QuorumWatch {
 public:
  using ReplicaKey = broker::raft::ReplicaKey;
  using Entry = broker::raft::Entry;
  using LogIndex = broker::raft::LogIndex;
  using Term = broker::raft::Term;

  /// A server that has started, from what its disk holds.
  void watch(const ReplicaKey& key, const broker::raft::Raft& raft, const broker::raft::RaftStore& store);
  /// Its process ended; its disk stays.
  void forget(const ReplicaKey& key);
  /// Its disk is gone.
  void lose(const ReplicaKey& key) { servers_.erase(key); }
  /// Bits of its metadata log turned. Pre: its process ended. A learner, on whom nobody relies, fetches it anew; and a
  /// last batch that rots looks like one that a crash tore (broker/raft/README.md, Damage).
  void note_rotten(const ReplicaKey& key);

  void check(const ReplicaKey& key);
  /// Entries on their way to a disk.
  void check_entries(const ReplicaKey& key, const std::vector<Entry>& entries);
  /// After every write to a disk.
  void check_disk(const ReplicaKey& key);
  /// A message leaves: what it claims must be durable.
  void check_message(const broker::raft::Message& message);
  void check_role(const ReplicaKey& key, const broker::raft::RoleChange& change);
  void check_applied(const ReplicaKey& key, const Entry& entry);
  void check_installed(const ReplicaKey& key, const broker::raft::SnapshotMeta& snapshot);

  /// A read that began when all up to `began` was committed is to be served from `index` on.
  void check_read(const ReplicaKey& key, LogIndex began, LogIndex index);

  std::size_t reads() const { return reads_; }
  LogIndex commit_index() const { return LogIndex{static_cast<std::int64_t>(committed_.size())}; }
  std::size_t leaders() const { return leaders_.size(); }
  /// How many servers have what is committed on their disks, and how many voters there are: for the fault atlas.
  bool may_lose_disk(const ReplicaKey& key) const;

 private:
  struct Disk {
    broker::raft::HardState state{};
    broker::raft::SnapshotMeta snapshot{};
    LogIndex last{};
    LogIndex last_before{};     // the write that was the last
    std::vector<Term> terms{};  // of index 1, 2, ...; what the snapshot covers may be missing
  };
  struct Watched {
    const broker::raft::Raft* raft = nullptr;
    const broker::raft::RaftStore* store = nullptr;
    Disk disk{};
    LogIndex commit{};
    LogIndex applied{};
    Term term{};
    Term leads_in{};
    bool was_voter = true;  // when its process ended
    bool is_rotten = false;
    std::optional<Entry> replaced_from;  // a newer leader's entries replace those from there on; not written yet
  };
  struct Identity {
    Term term;
    std::uint32_t checksum = 0;
    Term committed_in;  // leaders of later terms hold it
  };
  struct Lineage {
    std::uint32_t checksum = 0;
    Term prev_term;
    friend bool operator==(const Lineage&, const Lineage&) = default;
  };

  static void read_disk(Watched& server);
  static bool holds(const Disk& disk, LogIndex index, Term term);
  void note_committed(const Watched& server, const Entry& entry);
  void check_voter_changes(const broker::raft::Raft& leader, const std::vector<Entry>& entries) const;
  void check_leader_has_committed(const broker::raft::Raft& leader) const;
  void check_majority_has(const broker::raft::Raft& leader, LogIndex index, Term term) const;

  std::map<ReplicaKey, Watched> servers_;
  std::map<Term, ReplicaKey> leaders_;
  std::map<std::pair<ReplicaKey, Term>, ReplicaKey> votes_;
  std::map<std::pair<LogIndex, Term>, Lineage> entries_;
  std::vector<Identity> committed_;  // of index 1, 2, ...
  std::size_t reads_ = 0;
};

}  // namespace sluice::sim

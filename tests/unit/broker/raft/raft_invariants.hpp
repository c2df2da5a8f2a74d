#pragma once

#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "broker/raft/raft.hpp"
#include "tests/unit/broker/raft/memory_log.hpp"

namespace sluice::test {

/// A promise of Raft is broken.
struct Violation : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Sees everything that the servers of a simulated cluster do, and throws Violation. Draws no randomness.
class RaftInvariants {
 public:
  /// A server, live or not, and its disk; both are looked at until they are replaced.
  void watch(const ReplicaKey& key, const Raft* raft, const MemoryLog* disk);

  /// After every event of that server.
  void check(const ReplicaKey& key);
  /// Entries on their way to a disk.
  void check_entries(const ReplicaKey& key, const std::vector<Entry>& entries);
  /// After every write to a disk.
  void check_disk(const ReplicaKey& key);
  /// A message leaves: what it claims must be durable.
  void check_message(const Message& message);
  void check_role(const ReplicaKey& key, const RoleChange& change);
  /// The state machine of a server applied `entry`; `chain` is the digest of everything up to there.
  void check_applied(const ReplicaKey& key, LogIndex index, std::uint64_t chain);
  /// A read that began when commit_index() was `since` may be served at `index`.
  void check_read(LogIndex since, LogIndex index) const;

  /// How far anybody has committed.
  LogIndex commit_index() const { return LogIndex{static_cast<std::int64_t>(committed_.size())}; }
  std::size_t leaders() const { return leaders_.size(); }

 private:
  struct Watched {
    const Raft* raft = nullptr;
    const MemoryLog* disk = nullptr;
    LogIndex commit;
    Term term;
  };
  struct Identity {
    Term term;
    std::uint32_t checksum = 0;
    Term committed_in;  // leaders of later terms hold it; one of an earlier term, elected late, need not
  };
  struct Lineage {
    std::uint32_t checksum = 0;
    Term prev_term;
    friend bool operator==(const Lineage&, const Lineage&) = default;
  };

  void note_committed(const Watched& server, const Entry& entry);
  void check_leader_has_committed(const Raft& leader) const;
  void check_majority_has(const Raft& leader, LogIndex index, Term term) const;

  std::map<ReplicaKey, Watched> servers_;
  std::map<Term, ReplicaKey> leaders_;
  std::map<std::pair<ReplicaKey, Term>, ReplicaKey> votes_;
  std::map<std::pair<LogIndex, Term>, Lineage> entries_;
  std::vector<Identity> committed_;  // of index 1, 2, ...
  std::map<LogIndex, std::uint64_t> chains_;
};

}  // namespace sluice::test

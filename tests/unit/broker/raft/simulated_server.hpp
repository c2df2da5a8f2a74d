#pragma once

#include <deque>
#include <memory>

#include "tests/unit/broker/raft/raft_simulation.hpp"

namespace sluice::test {

/// One server: its disk outlives its process. Nodes are numbered from 1.
struct RaftSimulation::Server {
  ReplicaKey key;
  std::unique_ptr<MemoryLog> disk;
  std::unique_ptr<Raft> raft;  // null while it is down
  std::uint64_t life = 0;      // events meant for an earlier one are void
  Duration paused_until{0};

  std::int64_t drift_ppm = 0;
  Instant clock_offset{0};
  Instant tick_at = Instant::max();  // real time of the tick that is scheduled

  std::deque<Ready> writes;  // not yet durable, in order
  bool is_writing = false;

  std::optional<Instant> heard_at;  // a leader of its term, by its clock; not since it campaigned itself
  LogIndex applied;
  std::uint64_t chain = 0;  // digest of everything applied

  int node() const { return key.node.value(); }
};

}  // namespace sluice::test

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "broker/raft/raft_types.hpp"

namespace sluice::broker::raft {

struct Options {
  /// A follower that heard nothing for this long, and up to twice as long, asks for votes. Nobody votes against a
  /// leader it heard within this time, and a leader that heard no majority for it gives up. The same for all servers.
  Duration election_timeout = std::chrono::seconds{1};
  Duration heartbeat_interval = std::chrono::milliseconds{100};  ///< well below election_timeout

  /// Reads by lease (thesis 6.4.1): no round trip, as long as no clock runs faster or slower than the time by more than
  /// clock_drift_ppm. Its price: a closed connection to the leader is no reason to elect another before its lease is
  /// over. The same for all servers.
  bool lease_reads = false;
  std::int64_t clock_drift_ppm = 10'000;

  std::size_t append_bytes_max = 256 << 10;  ///< of one message; an entry larger than that travels alone
  std::size_t inflight_messages_max = 64;    ///< sent and not yet answered, to one follower
  std::size_t inflight_bytes_max = 4 << 20;
  std::size_t uncommitted_bytes_max = 64 << 20;  ///< proposals beyond are refused
  std::size_t committed_bytes_max = 4 << 20;     ///< of one Ready
  std::size_t snapshot_chunk_bytes = 256 << 10;

  Duration learner_timeout = std::chrono::seconds{10};  ///< a learner silent for longer is forgotten; it asks again
  std::size_t learners_max = 1000;                      ///< fed at a time; whoever else asks is not answered
  std::int64_t caught_up_entries_max = 100;  ///< who lacks more of the log may not become a voter yet (thesis 4.2.1)
};

}  // namespace sluice::broker::raft

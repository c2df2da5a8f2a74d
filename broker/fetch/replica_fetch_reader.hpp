#pragma once

#include <vector>

#include "broker/fetch/record_collector.hpp"
#include "broker/fetch/replica_fetch_session.hpp"

namespace sluice::broker::fetch {

struct ReplicaCollected {
  Collected read{};
  std::vector<ReplicaAnswered> answered{};  ///< of what the response has, in its order
};

/// Reads what a follower is to be sent, up to the log end. What may not be waited for is left out.
ReplicaCollected collect_for_replica(const std::vector<ReplicaTarget>& targets, Reading reading, std::int32_t bytes_min,
                                     std::int32_t bytes_max, Timestamp wall_now);

}  // namespace sluice::broker::fetch

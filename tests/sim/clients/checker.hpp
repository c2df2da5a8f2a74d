#pragma once

#include <functional>
#include <vector>

#include "tests/sim/clients/history.hpp"

namespace sluice::sim {

/// Looks for anomalies in what clients saw, as Jepsen's checker of Kafka and Redpanda defines them
/// (jepsen/src/jepsen/tests/kafka.clj), without those of transactions. Those that the promises of a key allow are left
/// out.
std::vector<Finding> check(const History& history, const std::function<Promises(const Key&)>& promises_of);

}  // namespace sluice::sim

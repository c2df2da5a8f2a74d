#pragma once

#include <string>
#include <vector>

#include "protocol/base/uuid.hpp"
#include "tests/bench/group_bench/request_loop.hpp"

namespace sluice::bench {

/// A name that no earlier run has used.
std::string fresh_name(const std::string& prefix);

/// A new topic, once each partition has a leader.
Uuid create_topic(RequestLoop& loop, LoopConnection& connection, const std::string& name, int partitions);

/// Until each of the groups has a coordinator that answers.
void find_coordinators(RequestLoop& loop, LoopConnection& connection, const std::vector<std::string>& groups);

}  // namespace sluice::bench

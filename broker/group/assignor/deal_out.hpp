#pragma once

#include <cstddef>
#include <vector>

#include "broker/group/assignor/ownership.hpp"

namespace sluice::broker::group {

/// Gives `free` partitions to members that have room for them, `room` telling for how many (by member; used up here),
/// those with a replica in the member's rack first, in turns. All members with room must subscribe all topics
/// concerned. Pre: there is room for all.
void deal_out(Ownership& ownership, const AssignmentProblem& problem, std::vector<Ownership::Number> free,
              std::vector<std::size_t>& room);

}  // namespace sluice::broker::group

#pragma once

#include "broker/group/assignor/assignor.hpp"

namespace sluice::broker::group {

/// Shares out topic by topic: every subscriber gets as many partitions of a topic as any other, give or take one, in
/// ranges when the group is new.
///
/// Co-partitioned topics (as many partitions, the same subscribers) are shared out alike, so that a member which joins
/// two streams has partition n of both. What a member had it keeps, as far as its share goes. Where racks are known, a
/// member is given what has a replica in its rack, of all co-partitioned topics, before the rest goes out in order.
/// Static members come first, in the order of their instance ids, so that a restart does not change the order.
class RangeAssignor final : public Assignor {
 public:
  std::string_view name() const noexcept override { return "range"; }
  std::vector<TopicPartitions> assign(const AssignmentProblem& problem) const override;
};

}  // namespace sluice::broker::group

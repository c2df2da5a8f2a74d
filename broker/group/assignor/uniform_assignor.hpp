#pragma once

#include "broker/group/assignor/assignor.hpp"

namespace sluice::broker::group {

/// Shares out all partitions together, so that no member has more than one more than another: exactly so when all read
/// the same topics, else as far as the subscriptions allow.
///
/// As few partitions as possible change hands, and racks decide only among choices that are equally balanced and
/// equally sticky: which partitions a member gives up, and who gets those that are free.
///
/// With differing subscriptions the free partitions go to the least loaded, then partitions move along chains of
/// members while that levels the load (the cost-reducing paths of Harvey, Ladner, Lovász and Tamir, "Semi-matchings for
/// bipartite graphs and load balancing"), up to a bound on the work.
class UniformAssignor final : public Assignor {
 public:
  std::string_view name() const noexcept override { return "uniform"; }
  std::vector<TopicPartitions> assign(const AssignmentProblem& problem) const override;
};

}  // namespace sluice::broker::group

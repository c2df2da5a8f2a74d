#pragma once

#include <cstdint>
#include <vector>

#include "broker/group/assignor/assignor.hpp"

namespace sluice::broker::group {

using MemberIndex = std::uint32_t;  ///< position in AssignmentProblem::members

/// Who subscribes what, with members of the same subscription taken together: most groups have one kind of members.
class Subscriptions {
 public:
  using Kind = std::uint32_t;

  explicit Subscriptions(const AssignmentProblem& problem);

  /// Whether all members read the same topics.
  bool are_alike() const noexcept { return members_.size() <= 1; }
  /// The kinds of members that read `topic`, ascending.
  const std::vector<Kind>& kinds(std::size_t topic) const { return kinds_[topic]; }
  /// Of one kind, ascending.
  const std::vector<MemberIndex>& members(Kind kind) const { return members_[kind]; }
  /// Of all kinds that read `topic`, ascending.
  std::vector<MemberIndex> subscribers(std::size_t topic) const { return members_of(kinds_[topic]); }
  std::vector<MemberIndex> members_of(const std::vector<Kind>& kinds) const;

 private:
  std::vector<std::vector<Kind>> kinds_;           // by topic
  std::vector<std::vector<MemberIndex>> members_;  // by kind
};

}  // namespace sluice::broker::group

#include "broker/group/assignor/subscriptions.hpp"

#include <algorithm>
#include <map>

namespace sluice::broker::group {

Subscriptions::Subscriptions(const AssignmentProblem& problem) : kinds_(problem.topics.size()) {
  const auto is_less = [](const auto* left, const auto* right) { return *left < *right; };
  std::map<const std::vector<std::size_t>*, Kind, decltype(is_less)> known{is_less};
  for (MemberIndex member = 0; member < problem.members.size(); ++member) {
    const auto& subscription = problem.members[member].subscription;
    const auto [entry, is_new] = known.try_emplace(&subscription, static_cast<Kind>(members_.size()));
    if (is_new) {
      members_.emplace_back();
      for (const auto topic : subscription) kinds_[topic].push_back(entry->second);
    }
    members_[entry->second].push_back(member);
  }
}

std::vector<MemberIndex> Subscriptions::members_of(const std::vector<Kind>& kinds) const {
  std::vector<MemberIndex> result;
  for (const auto kind : kinds) result.insert(result.end(), members_[kind].begin(), members_[kind].end());
  if (kinds.size() > 1) std::sort(result.begin(), result.end());
  return result;
}

}  // namespace sluice::broker::group

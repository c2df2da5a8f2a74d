#pragma once

#include <cstddef>
#include <vector>

#include "broker/group/assignor/ownership.hpp"
#include "broker/group/assignor/subscriptions.hpp"

namespace sluice::broker::group {

/// Levels the loads of members whose subscriptions differ: moves partitions, along chains of members where need be,
/// while that takes from one member and gives to another that has at least two fewer. When nothing more can be moved
/// the loads are as level as the subscriptions allow; the work is bounded, so with very tangled subscriptions they may
/// stay less level than that.
class LoadBalancer {
 public:
  /// `loads`: how many partitions each member owns. Every partition of a topic with subscribers has an owner.
  LoadBalancer(const AssignmentProblem& problem, const Subscriptions& subscriptions, Ownership& ownership,
               std::vector<std::size_t> loads)
      : problem_(problem), subscriptions_(subscriptions), ownership_(ownership), loads_(std::move(loads)) {}

  void balance();

 private:
  using Number = Ownership::Number;
  struct Search;

  bool is_level() const;
  /// Between subscribers of one topic. True: something moved.
  bool level_topic(std::size_t topic);
  /// Between any two members that a chain connects.
  void level_along_chains();
  bool find_receiver(MemberIndex source, Search& search) const;
  void move_along_chain(MemberIndex source, Search& search);
  Number pick(std::vector<Number>& from, MemberIndex giver, MemberIndex taker) const;

  const AssignmentProblem& problem_;
  const Subscriptions& subscriptions_;
  Ownership& ownership_;
  std::vector<std::size_t> loads_;  // by member
};

}  // namespace sluice::broker::group

#include "broker/group/assignor/uniform_assignor.hpp"

#include <algorithm>
#include <numeric>

#include "broker/group/assignor/deal_out.hpp"
#include "broker/group/assignor/load_balancer.hpp"
#include "broker/group/assignor/ownership.hpp"

namespace sluice::broker::group {
namespace {

using Number = Ownership::Number;

std::vector<Number> free_partitions(const Ownership& ownership, Number begin, Number end) {
  std::vector<Number> free;
  for (auto number = begin; number < end; ++number) {
    if (ownership.owner(number) == Ownership::kNobody) free.push_back(number);
  }
  return free;
}

std::vector<std::vector<Number>> owned(const Ownership& ownership, std::size_t members) {
  std::vector<std::vector<Number>> result(members);
  for (Number number = 0; number < ownership.partition_count(); ++number) {
    if (const auto owner = ownership.owner(number); owner != Ownership::kNobody) {
      result[static_cast<std::size_t>(owner)].push_back(number);
    }
  }
  return result;
}

/// How many partitions each member gets; the one more that some get goes to those who have more now.
std::vector<std::size_t> equal_quotas(const std::vector<std::vector<Number>>& owned, std::size_t partitions) {
  const auto quota = partitions / owned.size();
  auto extras = partitions % owned.size();
  std::vector<std::size_t> quotas(owned.size(), quota);
  for (const bool has_more : {true, false}) {
    for (std::size_t member = 0; member < owned.size() && extras > 0; ++member) {
      if ((owned[member].size() > quota) != has_more) continue;
      ++quotas[member];
      --extras;
    }
  }
  return quotas;
}

/// All read the same topics.
void share_equally(const AssignmentProblem& problem, Ownership& ownership) {
  const auto previous = owned(ownership, problem.members.size());
  auto room = equal_quotas(previous, ownership.partition_count());
  for (MemberIndex member = 0; member < previous.size(); ++member) {
    auto own = previous[member];
    const auto keeps = std::min(own.size(), room[member]);
    room[member] -= keeps;
    if (keeps == own.size()) continue;
    if (ownership.knows_racks()) {
      std::stable_partition(own.begin(), own.end(), [&](Number number) { return ownership.is_near(number, member); });
    }
    for (auto i = keeps; i < own.size(); ++i) ownership.take(own[i]);
  }
  const auto end = static_cast<Number>(ownership.partition_count());
  deal_out(ownership, problem, free_partitions(ownership, 0, end), room);
}

/// Gives the free partitions of a topic to those of its subscribers who have least.
void fill_least_loaded(const AssignmentProblem& problem, Ownership& ownership, std::size_t topic,
                       const std::vector<MemberIndex>& subscribers, std::vector<std::size_t>& loads) {
  auto free = free_partitions(ownership, ownership.begin_of(topic), ownership.end_of(topic));
  if (free.empty()) return;
  std::vector<std::pair<std::size_t, MemberIndex>> heap;  // least loaded at the front
  heap.reserve(subscribers.size());
  for (const auto member : subscribers) heap.emplace_back(loads[member], member);
  std::make_heap(heap.begin(), heap.end(), std::greater<>{});
  std::vector<std::size_t> room(problem.members.size(), 0);
  for (std::size_t i = 0; i < free.size(); ++i) {
    std::pop_heap(heap.begin(), heap.end(), std::greater<>{});
    auto& [load, member] = heap.back();
    ++room[member];
    loads[member] = ++load;
    std::push_heap(heap.begin(), heap.end(), std::greater<>{});
  }
  deal_out(ownership, problem, std::move(free), room);
}

void share_by_subscription(const AssignmentProblem& problem, const Subscriptions& subscriptions, Ownership& ownership) {
  std::vector<std::size_t> loads;
  for (const auto& own : owned(ownership, problem.members.size())) loads.push_back(own.size());

  std::vector<std::pair<std::size_t, std::size_t>> topics;  // those with the least choice first
  for (std::size_t topic = 0; topic < problem.topics.size(); ++topic) {
    std::size_t subscribers = 0;
    for (const auto kind : subscriptions.kinds(topic)) subscribers += subscriptions.members(kind).size();
    if (subscribers > 0) topics.emplace_back(subscribers, topic);
  }
  std::sort(topics.begin(), topics.end());
  for (const auto& [count, topic] : topics) {
    fill_least_loaded(problem, ownership, topic, subscriptions.subscribers(topic), loads);
  }
  LoadBalancer{problem, subscriptions, ownership, loads}.balance();
}

}  // namespace

std::vector<TopicPartitions> UniformAssignor::assign(const AssignmentProblem& problem) const {
  if (problem.members.empty()) return {};
  const Subscriptions subscriptions{problem};
  Ownership ownership{problem};
  // Members that are alike, and topics that all of them read.
  if (subscriptions.are_alike() && problem.members.front().subscription.size() == problem.topics.size()) {
    share_equally(problem, ownership);
  } else {
    share_by_subscription(problem, subscriptions, ownership);
  }
  return ownership.result();
}

}  // namespace sluice::broker::group

#include "broker/group/assignor/ownership.hpp"

#include <algorithm>
#include <numeric>

#include "protocol/base/assert.hpp"

namespace sluice::broker::group {
namespace {

bool any_racks(const AssignmentProblem& problem) {
  return std::any_of(problem.members.begin(), problem.members.end(),
                     [](const auto& m) { return m.rack.has_value(); }) &&
         std::any_of(problem.topics.begin(), problem.topics.end(), [](const auto& t) { return !t.racks.empty(); });
}

}  // namespace

Ownership::Ownership(const AssignmentProblem& problem) : problem_(problem), knows_racks_(any_racks(problem)) {
  const auto& topics = problem.topics;
  begin_.reserve(topics.size() + 1);
  begin_.push_back(0);
  for (std::uint32_t topic = 0; topic < topics.size(); ++topic) {
    begin_.push_back(begin_.back() + static_cast<Number>(topics[topic].partitions));
    topic_.resize(begin_.back(), topic);
  }
  owner_.assign(begin_.back(), kNobody);

  std::vector<std::size_t> topics_by_id(topics.size());
  std::iota(topics_by_id.begin(), topics_by_id.end(), std::size_t{0});
  std::sort(topics_by_id.begin(), topics_by_id.end(), [&](auto a, auto b) { return topics[a].id < topics[b].id; });
  for (MemberIndex member = 0; member < problem.members.size(); ++member) claim_previous(member, topics_by_id);
}

void Ownership::claim_previous(MemberIndex member, const std::vector<std::size_t>& topics_by_id) {
  const auto& subscription = problem_.members[member].subscription;
  auto topic = topics_by_id.begin();  // both are ascending by id
  for (const auto& [id, partitions] : problem_.members[member].previous->topics()) {
    topic = std::lower_bound(topic, topics_by_id.end(), id,
                             [&](auto index, const Uuid& wanted) { return problem_.topics[index].id < wanted; });
    if (topic == topics_by_id.end()) return;
    if (problem_.topics[*topic].id != id) continue;
    if (!std::binary_search(subscription.begin(), subscription.end(), *topic)) continue;
    for (const auto partition : partitions) {
      if (partition.value() < 0 || partition.value() >= problem_.topics[*topic].partitions) continue;
      auto& owner = owner_[begin_[*topic] + static_cast<Number>(partition.value())];
      if (owner == kNobody) owner = static_cast<std::int32_t>(member);
    }
  }
}

const std::vector<std::string>& Ownership::racks(Number number) const {
  static const std::vector<std::string> kUnknown;
  const auto topic = topic_[number];
  const auto& racks = problem_.topics[topic].racks;
  const auto partition = number - begin_[topic];
  return partition < racks.size() ? racks[partition] : kUnknown;
}

bool Ownership::is_near(Number number, MemberIndex member) const {
  const auto& rack = problem_.members[member].rack;
  if (!rack) return false;
  const auto& near = racks(number);
  return std::find(near.begin(), near.end(), *rack) != near.end();
}

std::vector<TopicPartitions> Ownership::result() const {
  std::vector<TopicPartitions> result(problem_.members.size());
  std::vector<TopicPartitions::Partitions> of_member(problem_.members.size());
  std::vector<MemberIndex> owners;
  for (std::size_t topic = 0; topic < problem_.topics.size(); ++topic) {
    owners.clear();
    for (auto number = begin_of(topic); number < end_of(topic); ++number) {
      if (owner_[number] == kNobody) continue;
      const auto owner = static_cast<MemberIndex>(owner_[number]);
      if (of_member[owner].empty()) owners.push_back(owner);
      of_member[owner].push_back(PartitionId{static_cast<std::int32_t>(number - begin_of(topic))});
    }
    for (const auto owner : owners) {
      result[owner].set(problem_.topics[topic].id, of_member[owner]);
      of_member[owner].clear();
    }
  }
  return result;
}

}  // namespace sluice::broker::group

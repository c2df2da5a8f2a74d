#include "tests/unit/broker/group/simulation/classic_assignor.hpp"

#include <algorithm>

#include "tests/unit/broker/group/simulation/consumer_protocol.hpp"

namespace sluice::test::sim {
namespace {

using Assignment = std::map<std::string, TopicPartitionSet>;

struct Member {
  std::string id;
  std::set<int> topics;
  TopicPartitionSet owned;
  std::int32_t generation_id = -1;
};

std::vector<Member> members_of(const protocol::JoinGroupResponse& joined) {
  std::vector<Member> members;
  for (const auto& from : joined.members) {
    const auto subscription = decode_subscription(from.metadata);
    auto& member = members.emplace_back();
    member.id = from.member_id;
    for (const auto& topic : subscription.topics) member.topics.insert(topic_of(topic));
    member.owned = set_of(subscription.owned_partitions);
    member.generation_id = subscription.generation_id;
  }
  return members;
}

std::map<int, std::vector<const Member*>> subscribers_of(const std::vector<Member>& members) {
  std::map<int, std::vector<const Member*>> subscribers;
  for (const auto& member : members) {
    for (const int topic : member.topics) subscribers[topic].push_back(&member);
  }
  return subscribers;
}

Assignment assign_ranges(const std::vector<Member>& members, const Topics& topics) {
  Assignment assignment;
  for (const auto& member : members) assignment[member.id];
  for (const auto& [topic, subscribers] : subscribers_of(members)) {
    const auto partitions = topics.partition_count(topic);
    for (int i = 0; i < partitions; ++i) {
      const auto at = static_cast<std::size_t>(i) * subscribers.size() / static_cast<std::size_t>(partitions);
      assignment[subscribers[at]->id].insert({topic, i});
    }
  }
  return assignment;
}

/// Who has what now. Of two claims the one of the later generation counts; of two of the same, none.
std::map<TopicPartition, const Member*> claims_of(const std::vector<Member>& members) {
  std::map<TopicPartition, const Member*> claims;
  std::map<TopicPartition, std::int32_t> generations;
  for (const auto& member : members) {
    for (const auto& partition : member.owned) {
      const auto [known, is_first] = generations.try_emplace(partition, member.generation_id);
      if (is_first || known->second < member.generation_id) {
        known->second = member.generation_id;
        claims[partition] = &member;
      } else if (known->second == member.generation_id) {
        claims[partition] = nullptr;
      }
    }
  }
  return claims;
}

Assignment assign_sticky(const std::vector<Member>& members, const Topics& topics) {
  const auto claims = claims_of(members);
  Assignment assignment;
  for (const auto& member : members) assignment[member.id];
  for (const auto& [topic, subscribers] : subscribers_of(members)) {
    const auto partitions = static_cast<std::size_t>(topics.partition_count(topic));
    const auto share = (partitions + subscribers.size() - 1) / subscribers.size();
    std::map<std::string, std::size_t> load;
    std::vector<TopicPartition> free;
    for (int i = 0; i < static_cast<int>(partitions); ++i) {
      const auto claim = claims.find({topic, i});
      const auto* owner = claim == claims.end() ? nullptr : claim->second;
      if (owner != nullptr && owner->topics.contains(topic) && load[owner->id] < share) {
        ++load[owner->id];
        assignment[owner->id].insert({topic, i});
      } else {
        free.push_back({topic, i});
      }
    }
    for (const auto& partition : free) {
      const auto* least = *std::min_element(subscribers.begin(), subscribers.end(),
                                            [&](const auto* l, const auto* r) { return load[l->id] < load[r->id]; });
      ++load[least->id];
      const bool somebody_has_it = std::any_of(members.begin(), members.end(), [&](const auto& member) {
        return member.id != least->id && member.owned.contains(partition);
      });
      if (!somebody_has_it) assignment[least->id].insert(partition);
    }
  }
  return assignment;
}

}  // namespace

Assignment assign(const protocol::JoinGroupResponse& joined, Handover handover, const Topics& topics) {
  const auto members = members_of(joined);
  return handover == Handover::eager ? assign_ranges(members, topics) : assign_sticky(members, topics);
}

}  // namespace sluice::test::sim

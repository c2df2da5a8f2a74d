#include "broker/group/assignor/range_assignor.hpp"

#include <algorithm>
#include <map>
#include <tuple>

#include "broker/group/assignor/ownership.hpp"

namespace sluice::broker::group {
namespace {

using Number = Ownership::Number;

/// The topics that are shared out alike, and among whom.
class CoPartitioned {
 public:
  CoPartitioned(const AssignmentProblem& problem, Ownership& ownership, const std::vector<std::size_t>& topics,
                std::vector<MemberIndex> subscribers)
      : problem_(problem),
        ownership_(ownership),
        topics_(topics),
        subscribers_(std::move(subscribers)),
        count_(static_cast<Number>(problem.topics[topics.front()].partitions)),
        owner_(count_, Ownership::kNobody) {
    put_static_members_first();
  }

  void share_out() {
    keep_previous();
    if (ownership_.knows_racks()) fill_from_racks();
    fill_in_order();
    for (const auto topic : topics_) {
      for (Number partition = 0; partition < count_; ++partition) {
        ownership_.give(ownership_.begin_of(topic) + partition, static_cast<MemberIndex>(owner_[partition]));
      }
    }
  }

 private:
  struct Share {
    MemberIndex member;
    std::size_t lacks;
  };

  void put_static_members_first() {
    std::sort(subscribers_.begin(), subscribers_.end(), [&](MemberIndex left, MemberIndex right) {
      const auto& a = problem_.members[left];
      const auto& b = problem_.members[right];
      return std::tuple{!a.instance_id, a.instance_id, left} < std::tuple{!b.instance_id, b.instance_id, right};
    });
  }

  /// What each had, by partition number; of topics that were shared out in different ways the first decides.
  std::vector<std::vector<Number>> previous() const {
    std::vector<std::vector<Number>> had(problem_.members.size());
    for (Number partition = 0; partition < count_; ++partition) {
      for (const auto topic : topics_) {
        const auto owner = ownership_.owner(ownership_.begin_of(topic) + partition);
        if (owner == Ownership::kNobody) continue;
        had[static_cast<std::size_t>(owner)].push_back(partition);
        break;
      }
    }
    return had;
  }

  void keep_previous() {
    const auto quota = count_ / subscribers_.size();
    auto extras = count_ % subscribers_.size();  // so many get one more
    auto had = previous();
    shares_.reserve(subscribers_.size());
    for (const auto member : subscribers_) {
      auto& own = had[member];
      auto keeps = std::min(own.size(), quota);
      if (own.size() > quota && extras > 0) {
        ++keeps;
        --extras;
      }
      if (keeps < own.size()) {
        std::stable_partition(own.begin(), own.end(), [&](Number number) { return is_near(number, member); });
      }
      for (std::size_t i = 0; i < keeps; ++i) owner_[own[i]] = static_cast<std::int32_t>(member);
      if (keeps <= quota) shares_.push_back({member, quota - keeps});
    }
    for (std::size_t i = 0; i < extras; ++i) ++shares_[i].lacks;
  }

  bool is_near(Number partition, MemberIndex member) const {
    return ownership_.knows_racks() && std::all_of(topics_.begin(), topics_.end(), [&](std::size_t topic) {
             return ownership_.is_near(ownership_.begin_of(topic) + partition, member);
           });
  }

  /// Racks in which every topic has a replica of `partition`.
  std::vector<std::string> common_racks(Number partition) const {
    auto common = ownership_.racks(ownership_.begin_of(topics_.front()) + partition);
    for (const auto topic : topics_) {
      const auto& racks = ownership_.racks(ownership_.begin_of(topic) + partition);
      std::erase_if(common, [&](const auto& rack) { return !std::binary_search(racks.begin(), racks.end(), rack); });
    }
    return common;
  }

  void fill_from_racks() {
    std::vector<std::pair<std::size_t, Number>> by_choice;  // those with the least choice first
    std::map<std::string, std::vector<Number>, std::less<>> near;
    std::vector<std::vector<std::string>> racks(count_);
    for (Number partition = 0; partition < count_; ++partition) {
      if (owner_[partition] != Ownership::kNobody) continue;
      racks[partition] = common_racks(partition);
      by_choice.emplace_back(racks[partition].size(), partition);
    }
    std::sort(by_choice.begin(), by_choice.end(), std::greater<>{});  // taken from the back
    for (const auto& [choice, partition] : by_choice) {
      for (const auto& rack : racks[partition]) near[rack].push_back(partition);
    }
    for (auto& [member, lacks] : shares_) {
      const auto found = near.end() == near.begin() || !problem_.members[member].rack
                             ? near.end()
                             : near.find(*problem_.members[member].rack);
      if (found == near.end()) continue;
      for (auto& free = found->second; lacks > 0 && !free.empty(); free.pop_back()) {
        if (owner_[free.back()] != Ownership::kNobody) continue;
        owner_[free.back()] = static_cast<std::int32_t>(member);
        --lacks;
      }
    }
  }

  void fill_in_order() {
    Number next = 0;
    for (auto& [member, lacks] : shares_) {
      for (; lacks > 0; --lacks) {
        while (owner_[next] != Ownership::kNobody) ++next;
        owner_[next] = static_cast<std::int32_t>(member);
      }
    }
  }

  const AssignmentProblem& problem_;
  Ownership& ownership_;
  const std::vector<std::size_t>& topics_;
  std::vector<MemberIndex> subscribers_;
  const Number count_;               // of partitions, of each topic
  std::vector<std::int32_t> owner_;  // by partition, of all topics alike
  std::vector<Share> shares_;        // of members that may lack something
};

}  // namespace

std::vector<TopicPartitions> RangeAssignor::assign(const AssignmentProblem& problem) const {
  const Subscriptions subscriptions{problem};
  Ownership ownership{problem};
  std::map<std::pair<std::int32_t, std::vector<Subscriptions::Kind>>, std::vector<std::size_t>> alike;
  for (std::size_t topic = 0; topic < problem.topics.size(); ++topic) {
    const auto& kinds = subscriptions.kinds(topic);
    if (!kinds.empty() && problem.topics[topic].partitions > 0) {
      alike[{problem.topics[topic].partitions, kinds}].push_back(topic);
    }
  }
  for (const auto& [likeness, topics] : alike) {
    CoPartitioned{problem, ownership, topics, subscriptions.members_of(likeness.second)}.share_out();
  }
  return ownership.result();
}

}  // namespace sluice::broker::group

#include "broker/group/assignor/load_balancer.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace sluice::broker::group {
namespace {

constexpr int kTopicRounds = 4;                   // chains do what these leave undone
constexpr std::size_t kChainWorkMax = 8'000'000;  // members and topics looked at; some tens of milliseconds
constexpr std::size_t kRackLookahead = 32;        // candidates looked at for one that is nearer

}  // namespace

bool LoadBalancer::is_level() const {
  const auto [least, most] = std::minmax_element(loads_.begin(), loads_.end());
  return *most - *least < 2;
}

void LoadBalancer::balance() {
  bool moved = true;
  for (int round = 0; moved && round < kTopicRounds; ++round) {
    moved = false;
    for (std::size_t topic = 0; topic < problem_.topics.size(); ++topic) moved |= level_topic(topic);
  }
  if (!is_level()) level_along_chains();
}

/// Takes one of `from` that is nearer to the taker than to the giver, or else the last.
LoadBalancer::Number LoadBalancer::pick(std::vector<Number>& from, MemberIndex giver, MemberIndex taker) const {
  auto best = from.size() - 1;
  if (ownership_.knows_racks()) {
    int best_gain = -2;
    for (std::size_t i = 0; i < std::min(kRackLookahead, from.size()) && best_gain < 1; ++i) {
      const auto at = from.size() - 1 - i;
      const int gain = int{ownership_.is_near(from[at], taker)} - int{ownership_.is_near(from[at], giver)};
      if (gain > best_gain) std::tie(best_gain, best) = std::tuple{gain, at};
    }
  }
  const auto number = from[best];
  from.erase(from.begin() + static_cast<std::ptrdiff_t>(best));
  return number;
}

bool LoadBalancer::level_topic(std::size_t topic) {
  if (ownership_.begin_of(topic) == ownership_.end_of(topic) || subscriptions_.kinds(topic).empty()) return false;
  const auto subscribers = subscriptions_.subscribers(topic);
  std::size_t least = loads_[subscribers.front()];
  std::size_t most = 0;
  for (const auto member : subscribers) least = std::min(least, loads_[member]);
  for (auto number = ownership_.begin_of(topic); number < ownership_.end_of(topic); ++number) {
    most = std::max(most, loads_[static_cast<MemberIndex>(ownership_.owner(number))]);
  }
  if (most < least + 2) return false;

  std::map<MemberIndex, std::vector<Number>> owned;
  for (auto number = ownership_.begin_of(topic); number < ownership_.end_of(topic); ++number) {
    owned[static_cast<MemberIndex>(ownership_.owner(number))].push_back(number);
  }
  std::set<std::pair<std::size_t, MemberIndex>> givers;
  std::set<std::pair<std::size_t, MemberIndex>> takers;
  for (const auto& [member, numbers] : owned) givers.emplace(loads_[member], member);
  for (const auto member : subscribers) takers.emplace(loads_[member], member);
  bool moved = false;
  while (!givers.empty()) {
    const auto [giver_load, giver] = *givers.rbegin();
    const auto [taker_load, taker] = *takers.begin();
    if (giver_load < taker_load + 2) break;
    const auto number = pick(owned.at(giver), giver, taker);
    ownership_.give(number, taker);
    moved = true;
    owned[taker].push_back(number);
    loads_[giver] = giver_load - 1;
    loads_[taker] = taker_load + 1;
    givers.erase({giver_load, giver});
    takers.erase({giver_load, giver});
    givers.erase({taker_load, taker});
    takers.erase({taker_load, taker});
    if (!owned.at(giver).empty()) givers.emplace(loads_[giver], giver);
    takers.emplace(loads_[giver], giver);
    givers.emplace(loads_[taker], taker);
    takers.emplace(loads_[taker], taker);
  }
  return moved;
}

/// A breadth-first search from a member over the topics it owns partitions of to their other subscribers, and on.
struct LoadBalancer::Search {
  struct Step {
    MemberIndex from;
    std::size_t topic;
  };

  std::vector<std::map<std::size_t, std::vector<Number>>> owned;  // by member, by topic
  std::vector<char> settled;      // members that can't lower their load, nor help others to
  std::vector<char> member_seen;  // in this search, as the next two
  std::vector<char> topic_seen;
  std::vector<char> kind_seen;
  std::vector<Step> step;          // how a member was reached
  std::vector<MemberIndex> queue;  // all members seen, the source first
  MemberIndex receiver = 0;
  std::size_t work = 0;

  void begin(MemberIndex source) {
    std::fill(member_seen.begin(), member_seen.end(), 0);
    std::fill(topic_seen.begin(), topic_seen.end(), 0);
    std::fill(kind_seen.begin(), kind_seen.end(), 0);
    member_seen[source] = 1;
    queue.assign(1, source);
  }
};

void LoadBalancer::level_along_chains() {
  const auto members = problem_.members.size();
  Search search{.owned = std::vector<std::map<std::size_t, std::vector<Number>>>(members),
                .settled = std::vector<char>(members, 0),
                .member_seen = std::vector<char>(members),
                .topic_seen = std::vector<char>(problem_.topics.size()),
                .kind_seen = std::vector<char>(members),  // there are no more kinds than members
                .step = std::vector<Search::Step>(members),
                .queue = {}};
  for (std::size_t topic = 0; topic < problem_.topics.size(); ++topic) {
    for (auto number = ownership_.begin_of(topic); number < ownership_.end_of(topic); ++number) {
      const auto owner = ownership_.owner(number);
      if (owner != Ownership::kNobody) search.owned[static_cast<std::size_t>(owner)][topic].push_back(number);
    }
  }
  std::set<std::pair<std::size_t, MemberIndex>> open;
  for (MemberIndex member = 0; member < members; ++member) open.emplace(loads_[member], member);
  while (!open.empty() && search.work < kChainWorkMax) {
    const auto source = open.rbegin()->second;
    if (find_receiver(source, search)) {
      for (const auto member : {source, search.receiver}) open.erase({loads_[member], member});
      move_along_chain(source, search);
      for (const auto member : {source, search.receiver}) open.emplace(loads_[member], member);
    } else {
      // Nothing that was reached can take a partition from here, nor from a member with less than this one has.
      for (const auto member : search.queue) {
        search.settled[member] = 1;
        open.erase({loads_[member], member});
      }
    }
  }
}

bool LoadBalancer::find_receiver(MemberIndex source, Search& search) const {
  search.begin(source);
  search.work += search.member_seen.size() + search.topic_seen.size();
  for (std::size_t at = 0; at < search.queue.size(); ++at) {
    const auto member = search.queue[at];
    for (const auto& [topic, numbers] : search.owned[member]) {
      ++search.work;
      if (std::exchange(search.topic_seen[topic], 1) != 0) continue;
      for (const auto kind : subscriptions_.kinds(topic)) {
        if (std::exchange(search.kind_seen[kind], 1) != 0) continue;
        for (const auto next : subscriptions_.members(kind)) {
          ++search.work;
          if (search.member_seen[next] != 0 || search.settled[next] != 0) continue;
          search.member_seen[next] = 1;
          search.step[next] = {member, topic};
          search.queue.push_back(next);
          if (loads_[next] + 2 > loads_[source]) continue;
          search.receiver = next;
          return true;
        }
      }
    }
  }
  return false;
}

void LoadBalancer::move_along_chain(MemberIndex source, Search& search) {
  for (auto taker = search.receiver; taker != source;) {
    const auto [giver, topic] = search.step[taker];
    auto& from = search.owned[giver].at(topic);
    const auto number = pick(from, giver, taker);
    if (from.empty()) search.owned[giver].erase(topic);
    search.owned[taker][topic].push_back(number);
    ownership_.give(number, taker);
    taker = giver;
  }
  --loads_[source];
  ++loads_[search.receiver];
}

}  // namespace sluice::broker::group

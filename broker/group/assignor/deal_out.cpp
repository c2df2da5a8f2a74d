#include "broker/group/assignor/deal_out.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <string_view>
#include <utility>

#include "protocol/base/assert.hpp"

namespace sluice::broker::group {
namespace {

/// Members that have room, each in its turn.
struct Turns {
  std::deque<MemberIndex> members;
  std::size_t room = 0;  // of all of them

  MemberIndex next(std::vector<std::size_t>& room_of) {
    const auto member = members.front();
    members.pop_front();
    --room;
    if (--room_of[member] > 0) members.push_back(member);
    return member;
  }
};

/// The partitions that nobody near has room for.
std::vector<Ownership::Number> deal_out_near(Ownership& ownership, const AssignmentProblem& problem,
                                             std::vector<Ownership::Number> free, std::vector<std::size_t>& room) {
  std::map<std::string_view, Turns> racks;
  for (MemberIndex member = 0; member < problem.members.size(); ++member) {
    if (room[member] == 0 || !problem.members[member].rack) continue;
    auto& turns = racks[*problem.members[member].rack];
    turns.members.push_back(member);
    turns.room += room[member];
  }
  // Those with the least choice first.
  std::stable_sort(free.begin(), free.end(),
                   [&](auto left, auto right) { return ownership.racks(left).size() < ownership.racks(right).size(); });
  std::vector<Ownership::Number> rest;
  for (const auto number : free) {
    Turns* roomiest = nullptr;
    for (const auto& rack : ownership.racks(number)) {
      const auto found = racks.find(rack);
      if (found == racks.end() || found->second.room == 0) continue;
      if (roomiest == nullptr || found->second.room > roomiest->room) roomiest = &found->second;
    }
    if (roomiest == nullptr) {
      rest.push_back(number);
    } else {
      ownership.give(number, roomiest->next(room));
    }
  }
  std::sort(rest.begin(), rest.end());
  return rest;
}

}  // namespace

void deal_out(Ownership& ownership, const AssignmentProblem& problem, std::vector<Ownership::Number> free,
              std::vector<std::size_t>& room) {
  if (ownership.knows_racks()) free = deal_out_near(ownership, problem, std::move(free), room);
  Turns turns;
  for (MemberIndex member = 0; member < problem.members.size(); ++member) {
    if (room[member] == 0) continue;
    turns.members.push_back(member);
    turns.room += room[member];
  }
  SLUICE_ASSERT(turns.room >= free.size(), turns.room, free.size());
  for (const auto number : free) ownership.give(number, turns.next(room));
}

}  // namespace sluice::broker::group

#include <algorithm>

#include "broker/group/classic/classic_group.hpp"

namespace sluice::broker::group {

using protocol::ErrorCode;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds kRetryMin{1000};

}  // namespace

void ClassicGroup::rejoin_or_rebalance(Now now, Effects& out) {
  if (state_ != ClassicState::preparing_rebalance) return rebalance(now, out);
  if (!initial_delay_ && all_have_joined()) complete_join(now, out);
}

void ClassicGroup::rebalance(Now now, Effects& out) {
  if (state_ == ClassicState::completing_rebalance) {
    for (auto& [id, member] : members_) member.assignment.clear();
    fail_syncs(ErrorCode::rebalance_in_progress, now, out);
  }
  sync_deadline_.reset();
  initial_delay_ = state_ == ClassicState::empty;
  enter(ClassicState::preparing_rebalance, now);
  if (initial_delay_) {
    // The members of a group tend to start together: one rebalance for all instead of one for each.
    const auto delay = settings_.initial_rebalance_delay;
    joined_during_delay_ = false;
    delay_left_ = std::max(rebalance_timeout() - delay, milliseconds{0});
    join_deadline_ = now.steady + delay;
  } else if (all_have_joined()) {
    complete_join(now, out);
  } else {
    join_deadline_ = now.steady + rebalance_timeout();
  }
}

void ClassicGroup::finish_initial_delay(Now now, Effects& out) {
  if (!joined_during_delay_ || delay_left_ <= milliseconds{0}) return complete_join(now, out);
  joined_during_delay_ = false;
  const auto delay = std::min(settings_.initial_rebalance_delay, delay_left_);
  delay_left_ -= delay;
  join_deadline_ = now.steady + delay;
}

void ClassicGroup::complete_join(Now now, Effects& out) {
  join_deadline_.reset();
  initial_delay_ = false;
  std::vector<std::string> absent;  // a static member may be away until its session ends
  for (const auto& [id, member] : members_) {
    if (!member.join && !member.is_static()) absent.push_back(id);
  }
  for (const auto& id : absent) remove_member(id, now, out);
  if (!members_.empty() && !elect_leader_among_joined()) {
    // Static members only, all away: nobody could lead. Their rebalance timeouts may be zero.
    join_deadline_ = now.steady + std::max(rebalance_timeout(), kRetryMin);
    return;
  }
  ++generation_id_;
  if (members_.empty()) {
    protocol_.clear();
    enter(ClassicState::empty, now);
    out.writes.push_back({.group = id_, .records = {metadata_record(nullptr)}, .generation_id = generation_id_});
    return;
  }
  protocol_ = select_protocol();
  enter(ClassicState::completing_rebalance, now);
  sync_deadline_ = now.steady + rebalance_timeout();
  for (auto& [id, member] : members_) {
    set_synced(member, false);
    member.is_new = false;
    keep_alive(member, now);
    answer_join(member, join_response(member), out);
  }
}

bool ClassicGroup::elect_leader_among_joined() {
  const auto joined = [](const auto& entry) { return entry.second.join.has_value(); };
  const auto leader = members_.find(leader_);
  if (leader != members_.end() && joined(*leader)) return true;
  const auto next = std::find_if(members_.begin(), members_.end(), joined);
  if (next == members_.end()) return false;
  leader_ = next->first;
  return true;
}

std::string ClassicGroup::select_protocol() const {
  std::map<std::string, int> votes;
  for (const auto& [id, member] : members_) {
    const auto first = std::find_if(member.protocols.begin(), member.protocols.end(),
                                    [&](const auto& protocol) { return is_common(protocol.name); });
    if (first != member.protocols.end()) ++votes[first->name];
  }
  const auto most = std::max_element(votes.begin(), votes.end(),
                                     [](const auto& left, const auto& right) { return left.second < right.second; });
  return most == votes.end() ? std::string{} : most->first;
}

milliseconds ClassicGroup::rebalance_timeout() const {
  milliseconds longest{0};
  for (const auto& [id, member] : members_) longest = std::max(longest, member.rebalance_timeout);
  return longest;
}

}  // namespace sluice::broker::group

#include "broker/group/classic/classic_group.hpp"

namespace sluice::broker::group {

using protocol::ErrorCode;
using protocol::LeaveGroupRequest;
using protocol::LeaveGroupResponse;

Decision<LeaveGroupResponse> ClassicGroup::leave(const LeaveGroupRequest& request, Now now) {
  Decision<LeaveGroupResponse> decision;
  bool members_left = false;
  bool pending_left = false;
  for (const auto& leaving : request.members) {
    auto& answer = decision.response.members.emplace_back();
    answer.member_id = leaving.member_id;
    answer.group_instance_id = leaving.group_instance_id;
    auto member_id = leaving.member_id;
    if (member_id.empty() && leaving.group_instance_id) {  // an administrator removes a static member
      const auto holder = static_ids_.find(*leaving.group_instance_id);
      if (holder != static_ids_.end()) member_id = holder->second;
    }
    if (!leaving.group_instance_id && pending_.erase(member_id) > 0) {
      pending_left = true;
      continue;
    }
    answer.error_code = check_member(member_id, leaving.group_instance_id);
    if (answer.error_code != ErrorCode::none) continue;
    remove_member(member_id, now, decision.effects);
    members_left = true;
  }
  if (members_left || pending_left) after_removal(members_left, now, decision.effects);
  return decision;
}

void ClassicGroup::remove_member(const std::string& member_id, Now now, Effects& out) {
  const auto found = members_.find(member_id);
  if (found == members_.end()) return;
  fail_join(found->second, ErrorCode::unknown_member_id, out);
  answer_sync(found->second, ErrorCode::unknown_member_id, now, out);
  if (found->second.instance_id) static_ids_.erase(*found->second.instance_id);
  set_protocols(found->second, {});
  set_synced(found->second, false);
  const bool led = leader_ == member_id;
  members_.erase(found);
  if (led) leader_ = members_.empty() ? std::string{} : members_.begin()->first;
}

void ClassicGroup::after_removal(bool of_members, Now now, Effects& out) {
  if (state_ == ClassicState::preparing_rebalance) {
    if (!initial_delay_ && all_have_joined()) complete_join(now, out);
  } else if (of_members && state_ != ClassicState::empty) {
    rebalance(now, out);
  }
}

}  // namespace sluice::broker::group

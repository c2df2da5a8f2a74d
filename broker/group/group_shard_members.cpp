// GroupShard: requests of members of the classic protocol.

#include "broker/group/classic/join_answer.hpp"
#include "broker/group/group_shard.hpp"

namespace sluice::broker::group {

using protocol::ErrorCode;

Effects GroupShard::join(const JoinCall& call, Now now) {
  const auto& id = call.request.group_id;
  auto* group = find(id);
  if (group != nullptr && group->consumer && !group->is_empty()) return join_consumer_group(call, *group, now);
  const bool is_not_of_consumers = group != nullptr && !group->consumer;
  if (!call.request.member_id.empty() && !is_not_of_consumers) {
    return refused_join(call.ticket, ErrorCode::unknown_member_id, call.request.member_id);
  }
  if (group != nullptr && group->consumer) return join_instead_of_consumers(call, *group, now);
  auto out = classic_of(find_or_make(id), id).join(call, now);
  settle(id);
  return out;
}

/// A classic member among those of the consumer protocol; it may have taken the place of the last of them.
Effects GroupShard::join_consumer_group(const JoinCall& call, CoordinatedGroup& group, Now now) {
  const auto& id = call.request.group_id;
  auto out = group.consumer->join(call, *image_, now);
  out.wait_for_appends = true;  // also what is refused rests on what was taken in
  out.add(downgrade_if_due(id, now));
  if (group.classic) {
    for (auto& join : out.joins) join.response.protocol_name = group.classic->protocol();
  }
  settle(id);
  return out;
}

/// An empty group of the consumer protocol becomes a classic one with the first member of those.
Effects GroupShard::join_instead_of_consumers(const JoinCall& call, CoordinatedGroup& group, Now now) {
  const auto& id = call.request.group_id;
  auto classic = std::make_unique<ClassicGroup>(id, *settings_);
  auto out = classic->join(call, now);
  if (classic->is_deserted()) return out;  // refused
  GroupWrite end{.group = id, .records = group.consumer->tombstones(), .replayed = true};
  group.consumer.reset();
  group.classic = std::move(classic);
  out.writes.insert(out.writes.begin(), std::move(end));
  out.wait_for_appends = true;
  settle(id);
  return out;
}

Effects GroupShard::sync(const protocol::SyncGroupRequest& request, Ticket ticket, Now now) {
  Effects out;
  auto* group = find(request.group_id);
  if (group != nullptr && group->classic) {
    out = group->classic->sync(request, ticket, now);
    settle(request.group_id);
  } else if (group != nullptr && group->consumer) {
    out = group->consumer->sync(request, ticket, *image_, now);
    out.wait_for_appends = true;
    settle(request.group_id);
  } else {
    out.syncs.push_back({ticket, {}});
    out.syncs.back().response.error_code = ErrorCode::unknown_member_id;
  }
  return out;
}

protocol::HeartbeatResponse GroupShard::heartbeat(const protocol::HeartbeatRequest& request, Now now) {
  protocol::HeartbeatResponse response;
  response.error_code = ErrorCode::unknown_member_id;
  auto* group = find(request.group_id);
  if (group == nullptr || (!group->classic && !group->consumer)) return response;
  response.error_code =
      group->classic ? group->classic->heartbeat(request, now) : group->consumer->heartbeat(request, now);
  settle(request.group_id);
  return response;
}

Decision<protocol::LeaveGroupResponse> GroupShard::leave(const protocol::LeaveGroupRequest& request, Now now) {
  auto* group = find(request.group_id);
  if (group != nullptr && group->classic) {
    auto decision = group->classic->leave(request, now);
    settle(request.group_id, !decision.effects.writes.empty());
    return decision;
  }
  if (group != nullptr && group->consumer) {
    auto decision = group->consumer->leave(request);
    decision.effects.wait_for_appends = true;
    if (!decision.effects.writes.empty()) decision.effects.add(downgrade_if_due(request.group_id, now));
    settle(request.group_id);
    return decision;
  }
  Decision<protocol::LeaveGroupResponse> decision;
  for (const auto& leaving : request.members) {
    auto& answer = decision.response.members.emplace_back();
    answer.member_id = leaving.member_id;
    answer.group_instance_id = leaving.group_instance_id;
    answer.error_code = ErrorCode::unknown_member_id;
  }
  return decision;
}

}  // namespace sluice::broker::group

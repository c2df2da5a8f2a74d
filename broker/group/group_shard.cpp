#include "broker/group/group_shard.hpp"

#include "protocol/base/assert.hpp"

namespace sluice::broker::group {

using protocol::ErrorCode;

GroupShard::Group* GroupShard::find(const std::string& group) {
  const auto found = groups_.find(group);
  return found == groups_.end() ? nullptr : &found->second;
}

const GroupShard::Group* GroupShard::find(const std::string& group) const {
  const auto found = groups_.find(group);
  return found == groups_.end() ? nullptr : &found->second;
}

GroupShard::Group& GroupShard::find_or_make(const std::string& group) {
  return groups_.try_emplace(group, group, *settings_).first->second;
}

/// After every step of a group: notes when it is due next, or forgets it.
void GroupShard::settle(const std::string& id) {
  const auto found = groups_.find(id);
  if (found == groups_.end()) return;
  auto& group = found->second;
  const auto due = group.classic.next_deadline();
  if (due != group.due) {
    if (group.due) due_.erase({*group.due, id});
    if (due) due_.emplace(*due, id);
    group.due = due;
  }
  if (!group.is_gone()) return;
  if (group.due) due_.erase({*group.due, id});
  groups_.erase(found);
}

Effects GroupShard::join(const JoinCall& call, Now now) {
  const auto& id = call.request.group_id;
  if (!call.request.member_id.empty() && find(id) == nullptr) {
    Effects out;
    auto& answer = out.joins.emplace_back(JoinAnswer{call.ticket, {}});
    answer.response.error_code = ErrorCode::unknown_member_id;
    answer.response.member_id = call.request.member_id;
    return out;
  }
  auto out = find_or_make(id).classic.join(call, now);
  settle(id);
  return out;
}

Effects GroupShard::sync(const protocol::SyncGroupRequest& request, Ticket ticket, Now now) {
  Effects out;
  if (auto* group = find(request.group_id)) {
    out = group->classic.sync(request, ticket, now);
    settle(request.group_id);
  } else {
    out.syncs.push_back({ticket, {}});
    out.syncs.back().response.error_code = ErrorCode::unknown_member_id;
  }
  return out;
}

protocol::HeartbeatResponse GroupShard::heartbeat(const protocol::HeartbeatRequest& request, Now now) {
  protocol::HeartbeatResponse response;
  auto* group = find(request.group_id);
  response.error_code = group == nullptr ? ErrorCode::unknown_member_id : group->classic.heartbeat(request, now);
  if (group != nullptr) settle(request.group_id);
  return response;
}

Decision<protocol::LeaveGroupResponse> GroupShard::leave(const protocol::LeaveGroupRequest& request, Now now) {
  if (auto* group = find(request.group_id)) {
    auto decision = group->classic.leave(request, now);
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

void GroupShard::on_append(const std::string& group) { ++find_or_make(group).appends; }

void GroupShard::on_appended(const std::string& id) {
  auto* group = find(id);
  SLUICE_ASSERT(group != nullptr && group->appends > 0, id);
  --group->appends;
  settle(id);
}

Effects GroupShard::on_stored(GroupWrite write, ErrorCode error, Now now) {
  const auto id = write.group;
  auto out = find_or_make(id).classic.on_stored(std::move(write), error, now);
  settle(id);
  return out;
}

void GroupShard::replay(const GroupRecord& record) {
  const auto& id = group_of(record);
  auto& group = find_or_make(id);
  if (const auto* offset = std::get_if<OffsetRecord>(&record)) {
    group.offsets.replay(*offset);
  } else {
    group.classic.replay(std::get<GroupMetadataRecord>(record));
  }
  if (group.is_gone()) settle(std::string{id});
}

void GroupShard::finish_loading(Now now) {
  std::vector<std::string> ids;
  for (auto& [id, group] : groups_) {
    group.classic.restore(now);
    ids.push_back(id);
  }
  for (const auto& id : ids) settle(id);
}

Effects GroupShard::abandon(ErrorCode error) {
  Effects out;
  for (auto& [id, group] : groups_) out.add(group.classic.abandon(error));
  return out;
}

std::optional<Instant> GroupShard::next_deadline() const {
  if (due_.empty()) return std::nullopt;
  return due_.begin()->first;
}

Effects GroupShard::tick(Now now) {
  Effects out;
  std::vector<std::string> ids;
  for (const auto& [due, id] : due_) {
    if (due > now.steady) break;
    ids.push_back(id);
  }
  for (const auto& id : ids) {
    out.add(groups_.at(id).classic.tick(now));
    settle(id);
  }
  return out;
}

const ClassicGroup* GroupShard::find_classic(const std::string& group) const {
  const auto* found = find(group);
  return found == nullptr ? nullptr : &found->classic;
}

const Offsets* GroupShard::find_offsets(const std::string& group) const {
  const auto* found = find(group);
  return found == nullptr ? nullptr : &found->offsets;
}

}  // namespace sluice::broker::group

#include <algorithm>

#include "broker/group/classic/classic_group.hpp"
#include "broker/group/classic/join_answer.hpp"
#include "broker/group/member_limits.hpp"

namespace sluice::broker::group {
namespace {

using protocol::ErrorCode;
using std::chrono::milliseconds;

/// A first JoinGroup may wait for so long, whatever the session timeout; Kafka's number.
constexpr milliseconds kNewMemberJoinTimeout = std::chrono::minutes{5};

constexpr std::int16_t kFirstWithKnownMemberId = 4;   // KIP-394
constexpr std::int16_t kFirstWithSkipAssignment = 9;  // KIP-814

std::vector<MemberProtocol> protocols_of(const protocol::JoinGroupRequest& request) {
  std::vector<MemberProtocol> protocols;
  protocols.reserve(request.protocols.size());
  for (const auto& protocol : request.protocols) protocols.push_back({protocol.name, protocol.metadata});
  return protocols;
}

void take_timeouts(ClassicMember& member, const protocol::JoinGroupRequest& request) {
  member.session_timeout = milliseconds{request.session_timeout_ms};
  member.rebalance_timeout =
      milliseconds{request.rebalance_timeout_ms < 0 ? request.session_timeout_ms : request.rebalance_timeout_ms};
}

}  // namespace

Effects ClassicGroup::join(const JoinCall& call, Now now) {
  const auto& request = call.request;
  Effects out;
  const auto refuse = [&](ErrorCode error) { return refused_join(call.ticket, error, request.member_id); };
  const milliseconds session_timeout{request.session_timeout_ms};
  if (session_timeout < settings_.session_timeout_min || session_timeout > settings_.session_timeout_max) {
    return refuse(ErrorCode::invalid_session_timeout);
  }
  if (!has_room_for(request.member_id)) return refuse(ErrorCode::group_max_size_reached);
  if (tells_too_much(request)) return refuse(ErrorCode::unknown_server_error);  // as Kafka, which could not store it
  if (!supports_protocols(request)) return refuse(ErrorCode::inconsistent_group_protocol);
  if (request.member_id.empty()) {
    join_as_new(call, now, out);
  } else {
    join_again(call, now, out);
  }
  return out;
}

bool ClassicGroup::has_room_for(const std::string& member_id) const {
  const auto size_max = static_cast<std::size_t>(settings_.size_max);
  const auto member = members_.find(member_id);
  switch (state_) {
    case ClassicState::empty: return true;
    case ClassicState::preparing_rebalance: {
      if (member != members_.end() && member->second.join) return true;
      return joined_ < size_max;
    }
    case ClassicState::completing_rebalance:
    case ClassicState::stable: return member != members_.end() || members_.size() < size_max;
  }
  return false;
}

bool ClassicGroup::supports_protocols(const protocol::JoinGroupRequest& request) const {
  if (request.protocol_type.empty() || request.protocols.empty()) return false;
  if (request.protocols.size() > kProtocolsMax) return false;
  if (members_.empty()) return true;
  if (request.protocol_type != protocol_type_) return false;
  return std::any_of(request.protocols.begin(), request.protocols.end(),
                     [&](const auto& protocol) { return is_common(protocol.name); });
}

void ClassicGroup::join_as_new(const JoinCall& call, Now now, Effects& out) {
  const auto& instance_id = call.request.group_instance_id;
  auto member_id = make_member_id(instance_id.value_or(call.client_id), call.fresh_id);
  if (instance_id) {
    const auto holder = static_ids_.find(*instance_id);
    if (holder != static_ids_.end()) {
      return replace_static_member(std::string{holder->second}, member_id, call, now, out);
    }
  } else if (call.version >= kFirstWithKnownMemberId) {
    // So that a client which lost the answer does not join twice.
    pending_[member_id] = now.steady + milliseconds{call.request.session_timeout_ms};
    note_deadline(pending_[member_id]);
    out.joins.push_back({call.ticket, join_refusal(ErrorCode::member_id_required, member_id)});
    return;
  }
  add_member(member_id, call, now, out);
}

void ClassicGroup::join_again(const JoinCall& call, Now now, Effects& out) {
  const auto& request = call.request;
  if (!request.group_instance_id && pending_.erase(request.member_id) > 0) {
    return add_member(request.member_id, call, now, out);
  }
  if (const auto error = check_member(request.member_id, request.group_instance_id); error != ErrorCode::none) {
    out.joins.push_back({call.ticket, join_refusal(error, request.member_id)});
    return;
  }
  auto& member = members_.at(request.member_id);
  const bool unchanged = member.protocols == protocols_of(request);
  // The answer to an earlier JoinGroup was lost; or a follower of a settled group only asks how things stand.
  const bool only_asks = unchanged && (state_ == ClassicState::completing_rebalance ||
                                       (state_ == ClassicState::stable && member.id != leader_));
  if (!only_asks) return update_member(member, call, now, out);
  keep_alive(member, now);
  out.joins.push_back({call.ticket, join_response(member)});
}

void ClassicGroup::add_member(const std::string& member_id, const JoinCall& call, Now now, Effects& out) {
  if (members_.empty()) protocol_type_ = call.request.protocol_type;
  auto& member = members_[member_id];
  member.id = member_id;
  member.instance_id = call.request.group_instance_id;
  member.client_id = call.client_id;
  member.client_host = call.client_host;
  set_protocols(member, protocols_of(call.request));
  take_timeouts(member, call.request);
  member.is_new = true;
  set_join(member, call.ticket);
  expect_until(member, now.steady + kNewMemberJoinTimeout);
  if (member.instance_id) static_ids_[*member.instance_id] = member_id;
  if (leader_.empty()) leader_ = member_id;
  if (initial_delay_) joined_during_delay_ = true;
  rejoin_or_rebalance(now, out);
}

void ClassicGroup::update_member(ClassicMember& member, const JoinCall& call, Now now, Effects& out) {
  fail_join(member, ErrorCode::rebalance_in_progress, out);  // of an earlier request, repeated by this one
  set_protocols(member, protocols_of(call.request));
  take_timeouts(member, call.request);
  set_join(member, call.ticket);
  if (!member.is_new) keep_alive(member, now);
  rejoin_or_rebalance(now, out);
}

void ClassicGroup::replace_static_member(const std::string& old_id, const std::string& new_id, const JoinCall& call,
                                         Now now, Effects& out) {
  auto node = members_.extract(old_id);
  fail_join(node.mapped(), ErrorCode::fenced_instance_id, out);
  answer_sync(node.mapped(), ErrorCode::fenced_instance_id, now, out);
  auto before = std::make_shared<const ClassicMember>(node.mapped());
  node.key() = new_id;
  auto& member = members_.insert(std::move(node)).position->second;
  const auto leader_before = leader_;
  if (leader_ == old_id) leader_ = new_id;
  static_ids_[*member.instance_id] = new_id;
  member.id = new_id;
  member.client_id = call.client_id;
  member.client_host = call.client_host;
  set_protocols(member, protocols_of(call.request));
  take_timeouts(member, call.request);
  keep_alive(member, now);

  if (state_ != ClassicState::stable || select_protocol() != protocol_) {
    set_join(member, call.ticket);
    return rejoin_or_rebalance(now, out);
  }
  // Nothing changes for the others: the new id is stored and takes over the assignment.
  set_synced(member, true);
  auto response = join_response(member);
  if (call.version >= kFirstWithSkipAssignment) {
    response.skip_assignment = leader_ == new_id;
  } else {
    // It must not believe that it leads, for it would assign anew and nobody would join it.
    response.leader = leader_before;
    response.members.clear();
  }
  out.writes.push_back({.group = id_,
                        .records = {metadata_record(nullptr)},
                        .generation_id = generation_id_,
                        .join = JoinAnswer{call.ticket, std::move(response)},
                        .replaced = std::move(before)});
}

/// The replacement is not stored: whoever had the id before has it still, and may be alive.
void ClassicGroup::undo_replacement(const ClassicMember& before, const std::string& new_id, Now now) {
  auto node = members_.extract(new_id);
  if (!node) return;
  node.key() = before.id;
  auto& member = members_.insert(std::move(node)).position->second;
  if (leader_ == new_id) leader_ = before.id;
  static_ids_[*before.instance_id] = before.id;
  member.id = before.id;
  member.client_id = before.client_id;
  member.client_host = before.client_host;
  set_protocols(member, before.protocols);
  member.session_timeout = before.session_timeout;
  member.rebalance_timeout = before.rebalance_timeout;
  keep_alive(member, now);
}

protocol::JoinGroupResponse ClassicGroup::join_response(const ClassicMember& member) const {
  protocol::JoinGroupResponse response;
  response.generation_id = generation_id_;
  response.protocol_type = protocol_type_;
  response.protocol_name = protocol_;
  response.leader = leader_;
  response.member_id = member.id;
  if (member.id != leader_) return response;
  for (const auto& [id, other] : members_) {
    auto& to = response.members.emplace_back();
    to.member_id = id;
    to.group_instance_id = other.instance_id;
    if (const auto* protocol = other.find_protocol(protocol_)) to.metadata = protocol->metadata;
  }
  return response;
}

void ClassicGroup::answer_join(ClassicMember& member, protocol::JoinGroupResponse response, Effects& out) {
  if (!member.join) return;
  out.joins.push_back({*member.join, std::move(response)});
  set_join(member, std::nullopt);
}

void ClassicGroup::fail_join(ClassicMember& member, ErrorCode error, Effects& out) {
  answer_join(member, join_refusal(error, member.id), out);
}

}  // namespace sluice::broker::group

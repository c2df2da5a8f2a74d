// ConsumerGroup: members that speak the classic protocol, in a group that is on its way from one protocol to the other
// (KIP-848). To such a member its epoch is the generation, and the broker its leader: it is told to join again
// (rebalance_in_progress) whenever it could go on towards its target assignment, each JoinGroup takes it a step further
// as a heartbeat does with others, and SyncGroup hands out what that step assigned to it.

#include <algorithm>

#include "broker/group/classic/join_answer.hpp"
#include "broker/group/consumer/consumer_group.hpp"
#include "broker/group/consumer/consumer_protocol_blob.hpp"
#include "broker/group/member_limits.hpp"

namespace sluice::broker::group {
namespace {

using protocol::ErrorCode;
using std::chrono::milliseconds;

constexpr std::string_view kProtocolType = "consumer";
constexpr std::int16_t kFirstWithKnownMemberId = 4;  // KIP-394

std::int32_t rebalance_timeout_ms(const protocol::JoinGroupRequest& request) {
  return request.rebalance_timeout_ms < 0 ? request.session_timeout_ms : request.rebalance_timeout_ms;
}

/// The name that it was given in the answer to its JoinGroup.
const std::string& protocol_name(const ConsumerMember& member) {
  static const std::string kNone;
  const auto& supported = member.classic->supported_protocols;
  return supported.empty() ? kNone : supported.front().name;
}

}  // namespace

Effects ConsumerGroup::join(const JoinCall& call, const controller::MetadataImage& image, Now now) {
  const auto& request = call.request;
  if (const auto error = check_join(request); error != ErrorCode::none) {
    return refused_join(call.ticket, error, request.member_id);
  }
  const auto subscription = decode_subscription(ByteView{request.protocols.front().metadata});
  if (!subscription) return refused_join(call.ticket, ErrorCode::inconsistent_group_protocol, request.member_id);
  const auto member_id = request.member_id.empty()
                             ? make_member_id(request.group_instance_id.value_or(call.client_id), call.fresh_id)
                             : request.member_id;
  if (request.member_id.empty() && !request.group_instance_id && call.version >= kFirstWithKnownMemberId) {
    return refused_join(call.ticket, ErrorCode::member_id_required, member_id);
  }
  if (!request.member_id.empty() && find_member(member_id) == nullptr && !subscription->owned_partitions.empty()) {
    // It was put out of the group and still holds what it had: others may have read on from there meanwhile. An id
    // that it was just given comes without partitions.
    return refused_join(call.ticket, ErrorCode::unknown_member_id, request.member_id);
  }

  Step step{.image = image, .now = now};
  bool ended_another = false;
  const auto* holder = find_static_member(request.group_instance_id);
  if (holder != nullptr && holder->id != member_id) {
    ended_another = replace_static_member(std::string{holder->id}, member_id, step.records);
  }
  const bool is_new = find_member(member_id) == nullptr;
  const bool changed = take_in(member_id, call, *subscription, step.records) || is_new || ended_another;
  update_target(changed, step);
  const auto owned = owned_partitions_of(*subscription, image);
  reconcile_member(member_id, &owned, changed, step);

  auto& member = members_.at(member_id);
  member.join_deadline.reset();
  member.rebalance_deadline.reset();  // of a member that spoke the consumer protocol before
  member.sync_deadline = now.steady + member.rebalance_timeout;
  keep_alive(member, session_timeout_of(member), now);

  Effects out;
  out.wait_for_appends = true;
  if (!step.records.empty()) {
    out.writes.push_back({.group = id_, .records = std::move(step.records), .replayed = true});
  }
  auto& answer = out.joins.emplace_back(JoinAnswer{call.ticket, {}});
  answer.response.member_id = member_id;
  answer.response.generation_id = member.member_epoch;
  answer.response.protocol_type = kProtocolType;
  answer.response.protocol_name = protocol_name(member);  // without a leader: nobody has assignments to make
  return out;
}

ErrorCode ConsumerGroup::check_join(const protocol::JoinGroupRequest& request) {
  const milliseconds session_timeout{request.session_timeout_ms};
  if (session_timeout < settings_.session_timeout_min || session_timeout > settings_.session_timeout_max) {
    return ErrorCode::invalid_session_timeout;
  }
  const auto* holder = find_static_member(request.group_instance_id);
  if (holder == nullptr && is_full_for(request.member_id)) return ErrorCode::group_max_size_reached;
  if (tells_too_much(request)) return ErrorCode::unknown_server_error;  // as in a classic group
  if (!supports_protocols(request)) return ErrorCode::inconsistent_group_protocol;
  if (!request.group_instance_id || request.member_id.empty()) return ErrorCode::none;
  if (holder == nullptr) return ErrorCode::unknown_member_id;
  return holder->id == request.member_id ? ErrorCode::none : ErrorCode::fenced_instance_id;
}

/// Whether there is a way of assigning that the sender and all other classic members know, for the day when they are
/// by themselves again.
bool ConsumerGroup::supports_protocols(const protocol::JoinGroupRequest& request) const {
  if (request.protocol_type != kProtocolType || request.protocols.size() > kProtocolsMax) return false;
  std::set<std::string_view> common;
  for (const auto& offered : request.protocols) common.insert(offered.name);
  for (const auto& [id, member] : members_) {
    if (!member.classic || id == request.member_id) continue;
    if (member.instance_id && member.instance_id == request.group_instance_id) continue;
    std::set<std::string_view> still;
    for (const auto& own : member.classic->supported_protocols) {
      if (common.contains(own.name)) still.insert(own.name);
    }
    common = std::move(still);
  }
  return !common.empty();
}

/// What a JoinGroup tells of its sender. Whether its subscription is another now.
bool ConsumerGroup::take_in(const std::string& member_id, const JoinCall& call,
                            const protocol::ConsumerProtocolSubscription& subscription, Records& records) {
  const auto* member = find_member(member_id);
  MemberValue told;
  told.instance_id = call.request.group_instance_id;
  if (!told.instance_id && member != nullptr) told.instance_id = member->instance_id;
  told.rack_id = subscription.rack_id;
  told.client_id = call.client_id;
  told.client_host = call.client_host;
  told.subscribed_topic_names = topics_of(subscription);
  told.rebalance_timeout_ms = rebalance_timeout_ms(call.request);
  auto& classic = told.classic_member_metadata.emplace();
  classic.session_timeout_ms = call.request.session_timeout_ms;
  for (const auto& protocol : call.request.protocols) {
    classic.supported_protocols.push_back({protocol.name, protocol.metadata});
  }
  if (member != nullptr && told_by(*member) == told) return false;
  return update_member(member_id, std::move(told), records);
}

Effects ConsumerGroup::sync(const protocol::SyncGroupRequest& request, Ticket ticket,
                            const controller::MetadataImage& image, Now now) {
  Effects out;
  auto& answer = out.syncs.emplace_back(SyncAnswer{ticket, {}});
  answer.response.error_code = check_sync(request, now);
  if (answer.response.error_code != ErrorCode::none) return out;
  auto& member = members_.at(request.member_id);
  member.sync_deadline.reset();
  schedule(member);
  const auto& supported = member.classic->supported_protocols;
  out.wait_for_appends = true;
  answer.response.protocol_type = request.protocol_type;
  answer.response.protocol_name = request.protocol_name;
  answer.response.assignment = encode_assignment(assignment_of(member.assigned, image),
                                                 supported.empty() ? ByteView{} : ByteView{supported.front().metadata});
  return out;
}

ErrorCode ConsumerGroup::check_sync(const protocol::SyncGroupRequest& request, Now now) {
  auto error = check_classic_sender(request.member_id, request.group_instance_id, request.generation_id);
  if (error != ErrorCode::none) return error;
  auto& member = members_.at(request.member_id);
  keep_alive(member, session_timeout_of(member), now);
  // Who has partitions to give up is told which by this answer, and goes on once it has.
  if (member.member_epoch < group_epoch_ && member.state != MemberState::unrevoked_partitions) {
    ask_to_join(member, now);
    return ErrorCode::rebalance_in_progress;
  }
  // Last: who joined the group while it was a classic one may have been told another, and clients end when they hear
  // of this.
  if (request.protocol_type.value_or(std::string{kProtocolType}) != kProtocolType ||
      request.protocol_name.value_or(protocol_name(member)) != protocol_name(member)) {
    return ErrorCode::inconsistent_group_protocol;  // KIP-559
  }
  return ErrorCode::none;
}

ErrorCode ConsumerGroup::heartbeat(const protocol::HeartbeatRequest& request, Now now) {
  const auto error = check_classic_sender(request.member_id, request.group_instance_id, request.generation_id);
  if (error != ErrorCode::none) return error;
  auto& member = members_.at(request.member_id);
  keep_alive(member, session_timeout_of(member), now);
  if (!can_go_on(member)) return ErrorCode::none;
  ask_to_join(member, now);
  return ErrorCode::rebalance_in_progress;
}

/// Whether a JoinGroup of a classic member could take it a step further.
bool ConsumerGroup::can_go_on(const ConsumerMember& member) const {
  if (member.member_epoch < group_epoch_ || member.state == MemberState::unrevoked_partitions) return true;
  if (member.state != MemberState::unreleased_partitions) return false;
  const auto awaited = target_of(member.id) - member.assigned;
  return std::all_of(awaited.topics().begin(), awaited.topics().end(), [&](const auto& entry) {
    return std::all_of(entry.second.begin(), entry.second.end(),
                       [&](PartitionId partition) { return owners_.find(entry.first, partition) == nullptr; });
  });
}

void ConsumerGroup::ask_to_join(ConsumerMember& member, Now now) {
  if (!member.join_deadline) member.join_deadline = now.steady + member.rebalance_timeout;
  schedule(member);
}

ErrorCode ConsumerGroup::check_classic_sender(const std::string& member_id,
                                              const std::optional<std::string>& instance_id,
                                              std::int32_t generation_id) {
  if (const auto error = check_identity(member_id, instance_id); error != ErrorCode::none) return error;
  const auto& member = members_.at(member_id);
  if (!member.classic) return ErrorCode::unknown_member_id;
  return member.member_epoch == generation_id ? ErrorCode::none : ErrorCode::illegal_generation;
}

ErrorCode ConsumerGroup::check_identity(const std::string& member_id, const std::optional<std::string>& instance_id) {
  if (!instance_id) return find_member(member_id) == nullptr ? ErrorCode::unknown_member_id : ErrorCode::none;
  const auto* holder = find_static_member(instance_id);
  if (holder == nullptr) return ErrorCode::unknown_member_id;
  return holder->id == member_id ? ErrorCode::none : ErrorCode::fenced_instance_id;  // KIP-345
}

Decision<protocol::LeaveGroupResponse> ConsumerGroup::leave(const protocol::LeaveGroupRequest& request) {
  Decision<protocol::LeaveGroupResponse> decision;
  std::vector<std::string> leaving;
  for (const auto& one : request.members) {
    auto& answer = decision.response.members.emplace_back();
    answer.member_id = one.member_id;
    answer.group_instance_id = one.group_instance_id;
    auto member_id = one.member_id;
    // An administrator names static members by their instance ids alone.
    const auto* holder = member_id.empty() ? find_static_member(one.group_instance_id) : nullptr;
    if (holder != nullptr) member_id = holder->id;
    answer.error_code = check_identity(member_id, one.group_instance_id);
    if (answer.error_code == ErrorCode::none) leaving.push_back(std::move(member_id));
  }
  GroupWrite write{.group = id_, .records = {}, .replayed = true};
  remove_members(leaving, write.records);
  if (!write.records.empty()) decision.effects.writes.push_back(std::move(write));
  return decision;
}

}  // namespace sluice::broker::group

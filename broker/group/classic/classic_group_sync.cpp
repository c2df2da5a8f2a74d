#include <algorithm>

#include "broker/group/classic/classic_group.hpp"
#include "broker/group/member_limits.hpp"

namespace sluice::broker::group {
namespace {

using protocol::ErrorCode;

bool differs(const std::optional<std::string>& asked, const std::string& actual) { return asked && *asked != actual; }

}  // namespace

Effects ClassicGroup::sync(const protocol::SyncGroupRequest& request, Ticket ticket, Now now) {
  Effects out;
  const auto refuse = [&](ErrorCode error) {
    out.syncs.push_back({ticket, {}});
    out.syncs.back().response.error_code = error;
    return std::move(out);
  };
  if (const auto error = check_member(request.member_id, request.group_instance_id); error != ErrorCode::none) {
    return refuse(error);
  }
  if (request.generation_id != generation_id_) return refuse(ErrorCode::illegal_generation);
  // First: who is to join again anyway may have been told another protocol, by a group that has become a classic one
  // since, and clients end when they hear of an inconsistent one.
  if (state_ == ClassicState::preparing_rebalance) return refuse(ErrorCode::rebalance_in_progress);
  if (differs(request.protocol_type, protocol_type_) || differs(request.protocol_name, protocol_)) {
    return refuse(ErrorCode::inconsistent_group_protocol);  // KIP-559
  }
  if (state_ == ClassicState::empty) return refuse(ErrorCode::unknown_member_id);

  auto& member = members_.at(request.member_id);
  set_synced(member, true);
  if (synced_ == members_.size()) sync_deadline_.reset();
  answer_sync(member, ErrorCode::rebalance_in_progress, now, out);  // of an earlier request, repeated by this one
  member.sync = ticket;
  if (state_ == ClassicState::stable) {
    answer_sync(member, ErrorCode::none, now, out);
  } else if (member.id == leader_) {
    std::map<std::string, std::vector<std::byte>> assignments;
    for (const auto& assigned : request.assignments) assignments[assigned.member_id] = assigned.assignment;
    if (record_bytes(assignments) > kGroupBytesMax) {
      fail_syncs(ErrorCode::unknown_server_error, now, out);  // as when it could not be written
      rebalance(now, out);
      return out;
    }
    out.writes.push_back({.group = id_, .records = {metadata_record(&assignments)}, .generation_id = generation_id_});
  }
  return out;
}

/// About so much a record of this generation takes.
std::size_t ClassicGroup::record_bytes(const std::map<std::string, std::vector<std::byte>>& assignments) const {
  std::size_t bytes = 0;
  for (const auto& [id, member] : members_) {
    bytes += id.size() + member.instance_id.value_or("").size() + member.client_id.size() + member.client_host.size();
    if (const auto* protocol = member.find_protocol(protocol_)) bytes += protocol->metadata.size();
    if (const auto assigned = assignments.find(id); assigned != assignments.end()) bytes += assigned->second.size();
  }
  return bytes;
}

Effects ClassicGroup::on_stored(GroupWrite write, ErrorCode error, Now now) {
  Effects out;
  if (write.join) {
    if (error != ErrorCode::none) {
      if (write.replaced) undo_replacement(*write.replaced, write.join->response.member_id, now);
      protocol::JoinGroupResponse failed;
      failed.error_code = error;
      failed.member_id = write.join->response.member_id;
      write.join->response = std::move(failed);
    }
    out.joins.push_back(std::move(*write.join));
    return out;
  }
  // Anything else that happened meanwhile has already told those who waited.
  if (state_ != ClassicState::completing_rebalance || write.generation_id != generation_id_) return out;
  if (error != ErrorCode::none) {
    fail_syncs(error, now, out);
    rebalance(now, out);
    return out;
  }
  for (const auto& stored : std::get<GroupMetadataRecord>(write.records.front()).value->members) {
    const auto member = members_.find(stored.member_id);
    if (member != members_.end()) member->second.assignment = stored.assignment;
  }
  enter(ClassicState::stable, now);
  for (auto& [id, member] : members_) answer_sync(member, ErrorCode::none, now, out);
  return out;
}

void ClassicGroup::answer_sync(ClassicMember& member, ErrorCode error, Now now, Effects& out) {
  if (!member.sync) return;
  auto& answer = out.syncs.emplace_back(SyncAnswer{*member.sync, {}});
  member.sync.reset();
  keep_alive(member, now);
  answer.response.error_code = error;
  if (error != ErrorCode::none) return;
  answer.response.protocol_type = protocol_type_;
  answer.response.protocol_name = protocol_;
  answer.response.assignment = member.assignment;
}

void ClassicGroup::fail_syncs(ErrorCode error, Now now, Effects& out) {
  for (auto& [id, member] : members_) answer_sync(member, error, now, out);
}

}  // namespace sluice::broker::group

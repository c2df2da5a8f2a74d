#include "broker/group/classic/classic_group.hpp"

namespace sluice::broker::group {

using protocol::ErrorCode;

ErrorCode ClassicGroup::heartbeat(const protocol::HeartbeatRequest& request, Now now) {
  if (const auto error = check_member(request.member_id, request.group_instance_id); error != ErrorCode::none) {
    return error;
  }
  if (request.generation_id != generation_id_) return ErrorCode::illegal_generation;
  keep_alive(members_.at(request.member_id), now);
  return state_ == ClassicState::preparing_rebalance ? ErrorCode::rebalance_in_progress : ErrorCode::none;
}

ErrorCode ClassicGroup::check_commit(const std::string& member_id, const std::optional<std::string>& instance_id,
                                     std::int32_t generation_id, Now now) {
  // Without membership: an admin tool, or a consumer that assigns partitions to itself.
  if (generation_id < 0 && state_ == ClassicState::empty) return ErrorCode::none;
  if (generation_id < 0 && member_id.empty() && !instance_id) return ErrorCode::unknown_member_id;
  if (const auto error = check_member(member_id, instance_id); error != ErrorCode::none) return error;
  if (generation_id != generation_id_) return ErrorCode::illegal_generation;
  // Between JoinGroup and SyncGroup nobody knows who owns what.
  if (state_ == ClassicState::completing_rebalance) return ErrorCode::rebalance_in_progress;
  keep_alive(members_.at(member_id), now);
  return ErrorCode::none;
}

}  // namespace sluice::broker::group

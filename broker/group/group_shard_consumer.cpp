// GroupShard: requests of members of the consumer protocol, and how a group comes to it.

#include <fmt/format.h>
#include <iterator>

#include "broker/group/consumer/migration.hpp"
#include "broker/group/group_shard.hpp"
#include "protocol/base/clipped.hpp"

namespace sluice::broker::group {
namespace {

using protocol::ConsumerGroupHeartbeatResponse;
using protocol::ErrorCode;

constexpr std::int32_t kJoiningEpoch = 0;

Decision<ConsumerGroupHeartbeatResponse> refused(ErrorCode error, std::string message) {
  Decision<ConsumerGroupHeartbeatResponse> decision;
  decision.response.error_code = error;
  decision.response.error_message = std::move(message);
  return decision;
}

}  // namespace

Decision<ConsumerGroupHeartbeatResponse> GroupShard::consumer_heartbeat(const ConsumerHeartbeatCall& call, Now now) {
  const auto& id = call.request.group_id;
  auto* group = find(id);
  if (group == nullptr || !group->consumer) return start_consumer_group(call, now);
  auto decision = group->consumer->heartbeat(call, *image_, now);
  const bool has_left = call.request.member_epoch < kJoiningEpoch && !decision.records.empty();
  if (has_left) decision.effects.add(downgrade_if_due(id, now));
  settle(id);
  return decision;
}

/// The first member of the consumer protocol makes its group, out of nothing or of a classic one without members.
Decision<ConsumerGroupHeartbeatResponse> GroupShard::start_consumer_group(const ConsumerHeartbeatCall& call, Now now) {
  const auto& id = call.request.group_id;
  auto* before = find(id);
  const bool is_classic = before != nullptr && before->classic;
  if (call.request.member_epoch == kJoiningEpoch && is_classic && !before->is_empty()) {
    return upgrade_and_join(call, *before, now);
  }
  if (call.request.member_epoch != kJoiningEpoch) {
    return refused(ErrorCode::group_id_not_found, is_classic
                                                      ? fmt::format("Group {} is not a consumer group.", clipped(id))
                                                      : fmt::format("Group {} not found.", clipped(id)));
  }
  auto consumer = std::make_unique<ConsumerGroup>(id, *settings_);
  auto decision = consumer->heartbeat(call, *image_, now);
  if (decision.records.empty()) return decision;  // refused
  auto& group = find_or_make(id);
  auto records = group.core_tombstones(id);
  records.insert(records.end(), std::make_move_iterator(decision.records.begin()),
                 std::make_move_iterator(decision.records.end()));
  decision.records = std::move(records);
  group.classic.reset();
  group.consumer = std::move(consumer);
  settle(id);
  return decision;
}

/// A classic group turns into one of the consumer protocol when the first member of that joins, its own members
/// staying.
Decision<ConsumerGroupHeartbeatResponse> GroupShard::upgrade_and_join(const ConsumerHeartbeatCall& call,
                                                                      CoordinatedGroup& group, Now now) {
  const auto& id = call.request.group_id;
  auto upgraded = upgrade(id, *group.classic, *settings_, *image_, now);
  if (!upgraded.obstacle.empty()) return refused(ErrorCode::group_id_not_found, std::move(upgraded.obstacle));
  auto decision = upgraded.group->heartbeat(call, *image_, now);
  if (decision.records.empty()) return decision;  // refused
  auto records = std::move(upgraded.records);
  records.insert(records.end(), std::make_move_iterator(decision.records.begin()),
                 std::make_move_iterator(decision.records.end()));
  decision.records = std::move(records);
  decision.effects.add(send_back_waiting(*group.classic));
  group.classic.reset();
  group.consumer = std::move(upgraded.group);
  settle(id);
  return decision;
}

/// After members have left a consumer group: it turns into a classic one when all that stay speak that protocol.
Effects GroupShard::downgrade_if_due(const std::string& id, Now now) {
  auto& group = groups_.at(id);
  auto downgraded = downgrade(id, *group.consumer, *settings_, *image_, now);
  if (!downgraded) return {};
  Effects out;
  out.writes.push_back({.group = id, .records = std::move(downgraded->records), .replayed = true});
  group.consumer.reset();
  group.classic = std::move(downgraded->group);
  return out;
}

}  // namespace sluice::broker::group

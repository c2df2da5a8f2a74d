// GroupShard: requests of administrators.

#include <algorithm>
#include <cctype>
#include <fmt/format.h>

#include "broker/group/group_shard.hpp"
#include "protocol/base/clipped.hpp"

namespace sluice::broker::group {
namespace {

using protocol::ErrorCode;

bool equal_ignoring_case(std::string_view left, std::string_view right) {
  return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                    [](unsigned char l, unsigned char r) { return std::tolower(l) == std::tolower(r); });
}

bool passes(const std::vector<std::string>& filter, std::string_view value) {
  return filter.empty() ||
         std::any_of(filter.begin(), filter.end(), [&](const auto& one) { return equal_ignoring_case(one, value); });
}

constexpr std::string_view kClassic = "classic";
constexpr std::string_view kConsumer = "consumer";

}  // namespace

std::vector<protocol::ListGroupsResponse::ListedGroup> GroupShard::list(
    const protocol::ListGroupsRequest& request) const {
  std::vector<protocol::ListGroupsResponse::ListedGroup> listed;
  for (const auto& [id, group] : groups_) {
    const auto type = group.consumer ? kConsumer : kClassic;
    const auto state = group.state_name();
    if (!passes(request.types_filter, type) || !passes(request.states_filter, state)) continue;
    auto& to = listed.emplace_back();
    to.group_id = id;
    to.protocol_type = group.consumer ? std::string{kConsumer} : group.classic ? group.classic->protocol_type() : "";
    to.group_state = state;
    to.group_type = type;
  }
  return listed;
}

GroupCensus GroupShard::census() const {
  GroupCensus census;
  for (const auto& [id, group] : groups_) {
    const auto type = group.consumer ? kConsumer : kClassic;
    ++census.groups[{type, group.state_name()}];
    if (group.consumer) census.members[type] += group.consumer->members().size();
    if (group.classic) census.members[type] += group.classic->members().size();
    census.offsets += group.offsets.count();
  }
  return census;
}

GroupShard::Described GroupShard::describe(const std::string& id) const {
  const auto* group = find(id);
  Described described;
  if (group != nullptr && group->classic) {
    described = group->classic->describe();
  } else {
    described.group_id = id;
    const bool has_offsets_only = group != nullptr && !group->consumer;
    described.group_state = has_offsets_only ? "Empty" : "Dead";
    if (has_offsets_only) return described;
    described.error_code = ErrorCode::group_id_not_found;
    described.error_message = group == nullptr ? fmt::format("Group {} not found.", clipped(id))
                                               : fmt::format("Group {} is not a classic group.", clipped(id));
  }
  return described;
}

GroupShard::ConsumerDescribed GroupShard::describe_consumer(const std::string& id) const {
  const auto* group = find(id);
  if (group != nullptr && group->consumer) return group->consumer->describe(*image_);
  ConsumerDescribed described;
  described.group_id = id;
  described.error_code = ErrorCode::group_id_not_found;
  described.error_message = group == nullptr ? fmt::format("Group {} not found.", clipped(id))
                                             : fmt::format("Group {} is not a consumer group.", clipped(id));
  return described;
}

Decision<GroupShard::Deleted> GroupShard::delete_group(const std::string& id) {
  Decision<Deleted> decision;
  decision.response.group_id = id;
  const auto* group = find(id);
  if (group == nullptr) {
    decision.response.error_code = ErrorCode::group_id_not_found;
  } else if (!group->is_deserted()) {
    decision.response.error_code = ErrorCode::non_empty_group;
  } else {
    decision.records = group->tombstones(id);
    end_consumer_group(id);
  }
  return decision;
}

/// Its tombstones are made, and so taken in.
void GroupShard::end_consumer_group(const std::string& id) {
  find_or_make(id).consumer.reset();
  settle(id);
}

}  // namespace sluice::broker::group

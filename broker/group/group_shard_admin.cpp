#include <algorithm>
#include <cctype>
#include <fmt/format.h>

#include "broker/group/group_shard.hpp"

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

}  // namespace

std::vector<protocol::ListGroupsResponse::ListedGroup> GroupShard::list(
    const protocol::ListGroupsRequest& request) const {
  std::vector<protocol::ListGroupsResponse::ListedGroup> listed;
  if (!passes(request.types_filter, kClassic)) return listed;
  for (const auto& [id, group] : groups_) {
    const auto state = name(group.classic.state());
    if (!passes(request.states_filter, state)) continue;
    auto& to = listed.emplace_back();
    to.group_id = id;
    to.protocol_type = group.classic.protocol_type();
    to.group_state = state;
    to.group_type = kClassic;
  }
  return listed;
}

GroupShard::Described GroupShard::describe(const std::string& id) const {
  if (const auto* group = find(id)) return group->classic.describe();
  Described described;
  described.group_id = id;
  described.group_state = "Dead";
  described.error_code = ErrorCode::group_id_not_found;
  described.error_message = fmt::format("Group {} not found.", id);
  return described;
}

std::vector<GroupRecord> GroupShard::tombstones(const std::string& id, const Group& group) const {
  auto records = group.offsets.forget_all(id);
  if (group.classic.stored()) records.emplace_back(GroupMetadataRecord{{.group = id}, std::nullopt});
  return records;
}

Decision<GroupShard::Deleted> GroupShard::delete_group(const std::string& id) const {
  Decision<Deleted> decision;
  decision.response.group_id = id;
  const auto* group = find(id);
  if (group == nullptr) {
    decision.response.error_code = ErrorCode::group_id_not_found;
  } else if (group->classic.state() != ClassicState::empty || !group->classic.is_deserted()) {
    decision.response.error_code = ErrorCode::non_empty_group;
  } else {
    decision.records = tombstones(id, *group);
  }
  return decision;
}

}  // namespace sluice::broker::group

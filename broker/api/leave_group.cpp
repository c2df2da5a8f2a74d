#include "protocol/messages/leave_group.hpp"

#include "broker/api/answer_with.hpp"
#include "broker/api/handler.hpp"
#include "broker/group/group_coordinator_driver.hpp"
#include "broker/services.hpp"

namespace sluice::broker::api {

using protocol::ErrorCode;
using protocol::LeaveGroupRequest;
using protocol::LeaveGroupResponse;

constexpr std::int16_t kFirstOfMany = 3;

/// API 13. Members leave a classic group: one up to version 2, any number since.
template <>
void handle<protocol::LeaveGroup>(LeaveGroupRequest& request, RequestContext& context,
                                  Respond<LeaveGroupResponse> respond) {
  auto& groups = context.services.groups;
  if (context.api_version >= kFirstOfMany) return groups.leave(std::move(request), answer_with(std::move(respond)));
  request.members.emplace_back().member_id = std::move(request.member_id);
  groups.leave(std::move(request), [answer = answer_with(std::move(respond))](LeaveGroupResponse response) {
    if (!response.members.empty()) response.error_code = response.members.front().error_code;
    response.members.clear();
    answer(response);
  });
}

}  // namespace sluice::broker::api

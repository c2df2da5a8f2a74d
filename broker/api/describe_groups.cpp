#include "protocol/messages/describe_groups.hpp"

#include <utility>

#include "broker/api/answer_with.hpp"
#include "broker/api/handler.hpp"
#include "broker/api/topic_description.hpp"
#include "broker/api/without_repeats.hpp"
#include "broker/group/group_coordinator_driver.hpp"
#include "broker/services.hpp"

namespace sluice::broker::api {
namespace {

using protocol::DescribeGroupsRequest;
using protocol::DescribeGroupsResponse;
using protocol::ErrorCode;

constexpr std::int16_t kFirstWithNotFound = 6;

}  // namespace

/// API 15. State and members of classic groups. One that does not exist is a dead one up to version 5.
template <>
void handle<protocol::DescribeGroups>(DescribeGroupsRequest& request, RequestContext& context,
                                      Respond<DescribeGroupsResponse> respond) {
  const auto version = context.api_version;
  const auto operations = request.include_authorized_operations ? kGroupOperations : kOperationsNotAsked;
  context.services.groups.describe(without_repeats(request.groups),
                                   [version, operations, answer = answer_with(std::move(respond))](auto described) {
                                     DescribeGroupsResponse response;
                                     response.groups = std::move(described);
                                     for (auto& group : response.groups) {
                                       if (version < kFirstWithNotFound) {
                                         group.error_message.reset();
                                         if (group.error_code == ErrorCode::group_id_not_found) {
                                           group.error_code = ErrorCode::none;
                                         }
                                       }
                                       if (group.error_code == ErrorCode::none)
                                         group.authorized_operations = operations;
                                     }
                                     answer(response);
                                   });
}

}  // namespace sluice::broker::api

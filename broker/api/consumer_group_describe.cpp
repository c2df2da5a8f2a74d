#include "protocol/messages/consumer_group_describe.hpp"

#include <utility>

#include "broker/api/answer_with.hpp"
#include "broker/api/handler.hpp"
#include "broker/api/topic_description.hpp"
#include "broker/api/without_repeats.hpp"
#include "broker/group/group_coordinator_driver.hpp"
#include "broker/services.hpp"

namespace sluice::broker::api {

using protocol::ConsumerGroupDescribeRequest;
using protocol::ConsumerGroupDescribeResponse;
using protocol::ErrorCode;

/// API 69. State, members and assignments of consumer groups (KIP-848). Of a classic group it is told that it is not
/// one of these, whereupon clients ask with DescribeGroups.
template <>
void handle<protocol::ConsumerGroupDescribe>(ConsumerGroupDescribeRequest& request, RequestContext& context,
                                             Respond<ConsumerGroupDescribeResponse> respond) {
  const auto operations = request.include_authorized_operations ? kGroupOperations : kOperationsNotAsked;
  context.services.groups.describe_consumers(without_repeats(request.group_ids),
                                             [operations, answer = answer_with(std::move(respond))](auto described) {
                                               ConsumerGroupDescribeResponse response;
                                               response.groups = std::move(described);
                                               for (auto& group : response.groups) {
                                                 if (group.error_code == ErrorCode::none)
                                                   group.authorized_operations = operations;
                                               }
                                               answer(response);
                                             });
}

}  // namespace sluice::broker::api

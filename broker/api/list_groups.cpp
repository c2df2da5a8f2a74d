#include "protocol/messages/list_groups.hpp"

#include "broker/api/answer_with.hpp"
#include "broker/api/handler.hpp"
#include "broker/group/group_coordinator_driver.hpp"
#include "broker/services.hpp"

namespace sluice::broker::api {

/// API 16. The groups that this broker coordinates, by state and type.
template <>
void handle<protocol::ListGroups>(protocol::ListGroupsRequest& request, RequestContext& context,
                                  Respond<protocol::ListGroupsResponse> respond) {
  context.services.groups.list(std::move(request), answer_with(std::move(respond)));
}

}  // namespace sluice::broker::api

#include "protocol/messages/join_group.hpp"

#include "broker/api/answer_with.hpp"
#include "broker/api/handler.hpp"
#include "broker/group/group_coordinator_driver.hpp"
#include "broker/services.hpp"

namespace sluice::broker::api {

/// API 11. Enters a classic group; answered when the members of the next generation are known.
template <>
void handle<protocol::JoinGroup>(protocol::JoinGroupRequest& request, RequestContext& context,
                                 Respond<protocol::JoinGroupResponse> respond) {
  group::Sender sender{.version = context.api_version,
                       .client_id = context.client_id,
                       .client_host = "/" + context.connection.peer_host};  // as Java prints addresses
  context.services.groups.join(std::move(request), std::move(sender), answer_with(std::move(respond)));
}

}  // namespace sluice::broker::api

#include "protocol/messages/consumer_group_heartbeat.hpp"

#include "broker/api/answer_with.hpp"
#include "broker/api/handler.hpp"
#include "broker/group/group_coordinator_driver.hpp"
#include "broker/services.hpp"

namespace sluice::broker::api {

/// API 68. A member of a consumer group joins, stays or leaves, and is told what to own (KIP-848).
template <>
void handle<protocol::ConsumerGroupHeartbeat>(protocol::ConsumerGroupHeartbeatRequest& request, RequestContext& context,
                                              Respond<protocol::ConsumerGroupHeartbeatResponse> respond) {
  if (!context.services.settings.groups.consumer_protocol) {  // group.coordinator.rebalance.protocols
    protocol::ConsumerGroupHeartbeatResponse response;
    response.error_code = protocol::ErrorCode::unsupported_version;
    return respond(response);
  }
  group::Sender sender{.version = context.api_version,
                       .client_id = context.client_id,
                       .client_host = "/" + context.connection.peer_host};  // as Java prints addresses
  context.services.groups.consumer_heartbeat(std::move(request), std::move(sender), answer_with(std::move(respond)));
}

}  // namespace sluice::broker::api

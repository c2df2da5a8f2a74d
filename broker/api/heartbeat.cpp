#include "protocol/messages/heartbeat.hpp"

#include "broker/api/answer_with.hpp"
#include "broker/api/handler.hpp"
#include "broker/group/group_coordinator_driver.hpp"
#include "broker/services.hpp"

namespace sluice::broker::api {

/// API 12. Keeps a member of a classic group alive, and tells it when to join again.
template <>
void handle<protocol::Heartbeat>(protocol::HeartbeatRequest& request, RequestContext& context,
                                 Respond<protocol::HeartbeatResponse> respond) {
  context.services.groups.heartbeat(std::move(request), answer_with(std::move(respond)));
}

}  // namespace sluice::broker::api

#include "protocol/messages/elect_leaders.hpp"

#include "broker/api/answer_with.hpp"
#include "broker/api/handler.hpp"
#include "broker/controller/controller_request.hpp"
#include "broker/services.hpp"

namespace sluice::broker::api {

/// Api key 43. Elects preferred leaders, or any replica where data loss is accepted (KIP-460).
template <>
void handle<protocol::ElectLeaders>(protocol::ElectLeadersRequest& request, RequestContext& context,
                                    Respond<protocol::ElectLeadersResponse> respond) {
  controller::call(context.services.controller, std::move(request), answer_with(std::move(respond)));
}

}  // namespace sluice::broker::api

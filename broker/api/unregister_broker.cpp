#include "protocol/messages/unregister_broker.hpp"

#include "broker/api/answer_with.hpp"
#include "broker/api/handler.hpp"
#include "broker/controller/controller_request.hpp"
#include "broker/services.hpp"

namespace sluice::broker::api {

/// Api key 64. Forgets a broker that will not come back (KIP-500).
template <>
void handle<protocol::UnregisterBroker>(protocol::UnregisterBrokerRequest& request, RequestContext& context,
                                        Respond<protocol::UnregisterBrokerResponse> respond) {
  controller::call(context.services.controller, std::move(request), answer_with(std::move(respond)));
}

}  // namespace sluice::broker::api

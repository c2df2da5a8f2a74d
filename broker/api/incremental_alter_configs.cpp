#include "protocol/messages/incremental_alter_configs.hpp"

#include "broker/api/answer_with.hpp"
#include "broker/api/handler.hpp"
#include "broker/controller/controller_request.hpp"
#include "broker/services.hpp"

namespace sluice::broker::api {

/// Api key 44. KIP-339.
template <>
void handle<protocol::IncrementalAlterConfigs>(protocol::IncrementalAlterConfigsRequest& request,
                                               RequestContext& context,
                                               Respond<protocol::IncrementalAlterConfigsResponse> respond) {
  controller::call(context.services.controller, std::move(request), answer_with(std::move(respond)));
}

}  // namespace sluice::broker::api

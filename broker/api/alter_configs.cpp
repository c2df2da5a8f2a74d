#include "protocol/messages/alter_configs.hpp"

#include "broker/api/answer_with.hpp"
#include "broker/api/handler.hpp"
#include "broker/controller/controller_request.hpp"
#include "broker/services.hpp"

namespace sluice::broker::api {

/// Api key 33. Replaces all settings of a resource; superseded by IncrementalAlterConfigs, KIP-339.
template <>
void handle<protocol::AlterConfigs>(protocol::AlterConfigsRequest& request, RequestContext& context,
                                    Respond<protocol::AlterConfigsResponse> respond) {
  controller::call(context.services.controller, std::move(request), answer_with(std::move(respond)));
}

}  // namespace sluice::broker::api

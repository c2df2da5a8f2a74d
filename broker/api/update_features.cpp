#include "protocol/messages/update_features.hpp"

#include "broker/api/answer_with.hpp"
#include "broker/api/handler.hpp"
#include "broker/controller/controller_request.hpp"
#include "broker/services.hpp"

namespace sluice::broker::api {

/// Api key 57. Sets the levels of features for the whole cluster (KIP-584).
template <>
void handle<protocol::UpdateFeatures>(protocol::UpdateFeaturesRequest& request, RequestContext& context,
                                      Respond<protocol::UpdateFeaturesResponse> respond) {
  controller::call(context.services.controller, std::move(request), answer_with(std::move(respond)));
}

}  // namespace sluice::broker::api

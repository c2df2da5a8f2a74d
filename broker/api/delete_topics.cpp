#include "protocol/messages/delete_topics.hpp"

#include <memory>

#include "broker/api/handler.hpp"
#include "broker/controller/controller_request.hpp"
#include "broker/services.hpp"

namespace sluice::broker::api {

/// Api key 20. By name, or by id from version 6 on (KIP-516).
template <>
void handle<protocol::DeleteTopics>(protocol::DeleteTopicsRequest& request, RequestContext& context,
                                    Respond<protocol::DeleteTopicsResponse> respond) {
  using protocol::ErrorCode;
  const auto version = context.api_version;
  auto shared = std::make_shared<Respond<protocol::DeleteTopicsResponse>>(std::move(respond));
  controller::call(context.services.controller, std::move(request),
                   [shared, version](protocol::DeleteTopicsResponse response) {
                     for (auto& result : response.responses) {
                       const bool too_new = version < 3 && result.error_code == ErrorCode::topic_deletion_disabled;
                       if (too_new)
                         result.error_code = ErrorCode::invalid_request;  // clients of v1 and v2 don't know the code
                     }
                     (*shared)(response);
                   });
}

}  // namespace sluice::broker::api

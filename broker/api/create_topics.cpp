#include "protocol/messages/create_topics.hpp"

#include "broker/api/answer_with.hpp"
#include "broker/api/handler.hpp"
#include "broker/controller/controller_request.hpp"
#include "broker/services.hpp"

namespace sluice::broker::api {

/// Api key 19. Answered when the topics can be used here.
template <>
void handle<protocol::CreateTopics>(protocol::CreateTopicsRequest& request, RequestContext& context,
                                    Respond<protocol::CreateTopicsResponse> respond) {
  controller::call(context.services.controller, std::move(request), answer_with(std::move(respond)));
}

}  // namespace sluice::broker::api

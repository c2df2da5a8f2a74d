#include "protocol/messages/create_partitions.hpp"

#include "broker/api/answer_with.hpp"
#include "broker/api/handler.hpp"
#include "broker/controller/controller_request.hpp"
#include "broker/services.hpp"

namespace sluice::broker::api {

/// Api key 37. Counts are totals and can only grow.
template <>
void handle<protocol::CreatePartitions>(protocol::CreatePartitionsRequest& request, RequestContext& context,
                                        Respond<protocol::CreatePartitionsResponse> respond) {
  controller::call(context.services.controller, std::move(request), answer_with(std::move(respond)));
}

}  // namespace sluice::broker::api

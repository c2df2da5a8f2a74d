#include "protocol/messages/describe_quorum.hpp"

#include "broker/api/answer_with.hpp"
#include "broker/api/handler.hpp"
#include "broker/controller/controller_request.hpp"
#include "broker/services.hpp"

namespace sluice::broker::api {

/// Api key 55. Who leads the metadata quorum, and how far its voters and observers have come (KIP-595, KIP-836,
/// KIP-853).
template <>
void handle<protocol::DescribeQuorum>(protocol::DescribeQuorumRequest& request, RequestContext& context,
                                      Respond<protocol::DescribeQuorumResponse> respond) {
  controller::call(context.services.controller, std::move(request), answer_with(std::move(respond)));
}

}  // namespace sluice::broker::api

#include "protocol/messages/add_raft_voter.hpp"

#include "broker/api/answer_with.hpp"
#include "broker/api/handler.hpp"
#include "broker/controller/controller_request.hpp"
#include "broker/services.hpp"

namespace sluice::broker::api {

/// Api key 80. Makes a voter of a node that follows the metadata log (KIP-853).
template <>
void handle<protocol::AddRaftVoter>(protocol::AddRaftVoterRequest& request, RequestContext& context,
                                    Respond<protocol::AddRaftVoterResponse> respond) {
  controller::call(context.services.controller, std::move(request), answer_with(std::move(respond)));
}

}  // namespace sluice::broker::api

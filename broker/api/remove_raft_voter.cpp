#include "protocol/messages/remove_raft_voter.hpp"

#include "broker/api/answer_with.hpp"
#include "broker/api/handler.hpp"
#include "broker/controller/controller_request.hpp"
#include "broker/services.hpp"

namespace sluice::broker::api {

/// Api key 81. Takes a voter out of the metadata quorum (KIP-853).
template <>
void handle<protocol::RemoveRaftVoter>(protocol::RemoveRaftVoterRequest& request, RequestContext& context,
                                       Respond<protocol::RemoveRaftVoterResponse> respond) {
  controller::call(context.services.controller, std::move(request), answer_with(std::move(respond)));
}

}  // namespace sluice::broker::api

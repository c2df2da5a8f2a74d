#include "broker/api/handler.hpp"
#include "broker/peer/peer_service.hpp"
#include "broker/services.hpp"
#include "protocol/peer/peer_apis.hpp"

namespace sluice::broker::api {

/// Messages of the metadata quorum. Nothing is answered: what they cause comes as messages of this node's own.
template <>
void handle<protocol::RaftMessages>(protocol::RaftMessages::Request& request, RequestContext& context,
                                    Respond<protocol::RaftMessages::Response> respond) {
  if (!context.services.peers.on_raft_messages(request.bytes)) return respond.close_connection();
  respond.nothing();
}

}  // namespace sluice::broker::api

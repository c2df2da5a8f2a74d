#include "broker/api/handler.hpp"
#include "broker/peer/peer_service.hpp"
#include "broker/services.hpp"
#include "protocol/peer/peer_apis.hpp"

namespace sluice::broker::api {

/// How much a follower has synced. Nothing is answered.
template <>
void handle<protocol::ReplicaProgress>(protocol::ReplicaProgress::Request& request, RequestContext& context,
                                       Respond<protocol::ReplicaProgress::Response> respond) {
  if (!context.services.peers.on_replica_progress(request.bytes)) return respond.close_connection();
  respond.nothing();
}

}  // namespace sluice::broker::api

#include "broker/api/handler.hpp"
#include "broker/peer/peer_service.hpp"
#include "broker/services.hpp"
#include "protocol/peer/peer_apis.hpp"

namespace sluice::broker::api {
namespace {

/// In memory a message of many small parts takes tens of times its size; this is enough for 100,000 partitions.
constexpr std::size_t kBytesMax = 8 << 20;

}  // namespace

/// How much a follower has synced. Nothing is answered.
template <>
void handle<protocol::ReplicaProgress>(protocol::ReplicaProgress::Request& request, RequestContext& context,
                                       Respond<protocol::ReplicaProgress::Response> respond) {
  if (request.bytes.size() > kBytesMax) return respond.close_connection();
  if (!context.services.peers.on_replica_progress(request.bytes)) return respond.close_connection();
  respond.nothing();
}

}  // namespace sluice::broker::api

#include "broker/api/handler.hpp"
#include "broker/peer/peer_service.hpp"
#include "broker/services.hpp"
#include "protocol/peer/peer_apis.hpp"

namespace sluice::broker::api {
namespace {

/// In memory a message of many small parts takes tens of times its size. A frame holds about 1 MiB, or one command,
/// however large that is.
constexpr std::size_t kBytesMax = 32 << 20;

}  // namespace

/// Messages of the metadata quorum. Nothing is answered: what they cause comes as messages of this node's own.
template <>
void handle<protocol::RaftMessages>(protocol::RaftMessages::Request& request, RequestContext& context,
                                    Respond<protocol::RaftMessages::Response> respond) {
  if (request.bytes.size() > kBytesMax) return respond.close_connection();
  if (!context.services.peers.on_raft_messages(request.bytes)) return respond.close_connection();
  respond.nothing();
}

}  // namespace sluice::broker::api

#include <memory>
#include <string>
#include <utility>

#include "broker/api/handler.hpp"
#include "broker/peer/peer_service.hpp"
#include "broker/services.hpp"
#include "protocol/peer/peer_apis.hpp"

namespace sluice::broker::api {
namespace {

/// In memory a message of many small parts takes tens of times its size; 10,000 partitions in one request take a tenth.
constexpr std::size_t kBytesMax = 16 << 20;

}  // namespace

/// What another node asks of the controller, or about the cluster. The answer is encoded before the call that gives it
/// returns: it points into that call's text.
template <>
void handle<protocol::ClusterCall>(protocol::ClusterCall::Request& request, RequestContext& context,
                                   Respond<protocol::ClusterCall::Response> respond) {
  if (request.bytes.size() > kBytesMax) return respond.close_connection();
  const auto shared = std::make_shared<Respond<protocol::ClusterCall::Response>>(std::move(respond));
  context.services.peers.on_cluster_call(request.bytes, [shared](const std::string& answer) {
    if (answer.empty()) return shared->close_connection();
    protocol::ClusterCall::Response response;
    response.bytes = as_byte_view(answer);
    (*shared)(response);
  });
}

}  // namespace sluice::broker::api

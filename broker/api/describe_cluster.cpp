#include "protocol/messages/describe_cluster.hpp"

#include "broker/api/handler.hpp"
#include "broker/api/topic_description.hpp"
#include "broker/controller/controller.hpp"
#include "broker/controller/metadata_image.hpp"
#include "broker/controller/quorum_info.hpp"
#include "broker/services.hpp"

namespace sluice::broker::api {
namespace {

constexpr std::int8_t kBrokerEndpoints = 1;
constexpr std::int8_t kControllerEndpoints = 2;

using protocol::DescribeClusterResponse;

void add_brokers(DescribeClusterResponse& response, const controller::MetadataImage& image,
                 const RequestContext& context, bool with_fenced) {
  response.controller_id = controller_id(image, context);
  for (const auto& broker : image.brokers()) {
    const auto* endpoint = broker.find_endpoint(context.connection.listener_name);
    if (endpoint == nullptr || (broker.fenced && !with_fenced)) continue;
    auto& to = response.brokers.emplace_back();
    to.broker_id = broker.id;
    to.host = endpoint->host;
    to.port = endpoint->port;
    to.rack = broker.rack;
    to.is_fenced = broker.fenced;
  }
}

/// The voters of the quorum, under the addresses by which its nodes reach them.
void add_controllers(DescribeClusterResponse& response, const controller::QuorumInfo& quorum) {
  response.controller_id = quorum.leader();
  for (const auto& voter : quorum.voters()) {
    if (voter.host.empty()) continue;
    auto& to = response.brokers.emplace_back();
    to.broker_id = voter.id;
    to.host = voter.host;
    to.port = voter.port;
  }
}

}  // namespace

/// Api key 60. Brokers, the fenced too where they are asked for; or the controllers, where those are asked on a
/// listener of theirs (KIP-919).
template <>
void handle<protocol::DescribeCluster>(protocol::DescribeClusterRequest& request, RequestContext& context,
                                       Respond<DescribeClusterResponse> respond) {
  using protocol::ErrorCode;
  const auto image = context.services.images.image();
  const auto* quorum = context.services.quorum;
  DescribeClusterResponse response;
  response.cluster_id = image->cluster_id();
  response.endpoint_type = request.endpoint_type;
  if (request.include_cluster_authorized_operations) response.cluster_authorized_operations = kClusterOperations;
  if (request.endpoint_type == kBrokerEndpoints) {
    add_brokers(response, *image, context, request.include_fenced_brokers);
  } else if (request.endpoint_type == kControllerEndpoints && quorum != nullptr && context.connection.for_peers) {
    add_controllers(response, *quorum);
  } else {
    const bool known = request.endpoint_type == kControllerEndpoints;
    response.endpoint_type = kBrokerEndpoints;
    response.error_code = known ? ErrorCode::mismatched_endpoint_type : ErrorCode::unsupported_endpoint_type;
    response.error_message = known ? "This is an endpoint for clients; controllers can't be asked for here."
                                   : "The endpoint type must be 1 (brokers) or 2 (controllers).";
  }
  respond(response);
}

}  // namespace sluice::broker::api

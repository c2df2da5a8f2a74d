#include "protocol/messages/describe_cluster.hpp"

#include "broker/api/handler.hpp"
#include "broker/api/topic_description.hpp"
#include "broker/controller/controller.hpp"
#include "broker/controller/metadata_image.hpp"
#include "broker/services.hpp"

namespace sluice::broker::api {
namespace {

constexpr std::int8_t kBrokerEndpoints = 1;
constexpr std::int8_t kControllerEndpoints = 2;

}  // namespace

/// Api key 60. Only brokers' endpoints are known (KIP-919): controllers have none that clients could use.
template <>
void handle<protocol::DescribeCluster>(protocol::DescribeClusterRequest& request, RequestContext& context,
                                       Respond<protocol::DescribeClusterResponse> respond) {
  using protocol::ErrorCode;
  const auto image = context.services.images.image();
  protocol::DescribeClusterResponse response;
  response.cluster_id = image->cluster_id();
  if (request.endpoint_type != kBrokerEndpoints) {
    const bool known = request.endpoint_type == kControllerEndpoints;
    response.error_code = known ? ErrorCode::mismatched_endpoint_type : ErrorCode::unsupported_endpoint_type;
    response.error_message = known ? "This is a broker's endpoint; controllers can't be asked for here."
                                   : "The endpoint type must be 1 (brokers).";
    return respond(response);
  }
  response.controller_id = image->any_live_broker();
  if (request.include_cluster_authorized_operations) response.cluster_authorized_operations = kClusterOperations;
  for (const auto& broker : image->brokers()) {
    const auto* endpoint = broker.find_endpoint(context.connection.listener_name);
    if (endpoint == nullptr || (broker.fenced && !request.include_fenced_brokers)) continue;
    auto& to = response.brokers.emplace_back();
    to.broker_id = broker.id;
    to.host = endpoint->host;
    to.port = endpoint->port;
    to.rack = broker.rack;
    to.is_fenced = broker.fenced;
  }
  respond(response);
}

}  // namespace sluice::broker::api

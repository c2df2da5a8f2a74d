#include "protocol/messages/find_coordinator.hpp"

#include "broker/api/handler.hpp"
#include "broker/controller/controller.hpp"
#include "broker/controller/metadata_image.hpp"
#include "broker/services.hpp"

namespace sluice::broker::api {
namespace {

using protocol::ErrorCode;
using protocol::FindCoordinatorRequest;
using protocol::FindCoordinatorResponse;
using Coordinator = FindCoordinatorResponse::Coordinator;

constexpr std::int8_t kGroup = 0;

/// The only broker coordinates every group. There is no coordinator of transactions or share groups.
Coordinator find(const std::string& key, std::int8_t key_type, const controller::MetadataImage& image,
                 const RequestContext& context) {
  Coordinator found;
  found.key = key;
  found.node_id = kNoBroker;
  found.port = -1;
  const auto* broker = image.find_broker(context.services.settings.node_id);
  const auto* endpoint = broker == nullptr ? nullptr : broker->find_endpoint(context.connection.listener_name);
  if (key_type != kGroup || endpoint == nullptr) {
    found.error_code = ErrorCode::coordinator_not_available;
    found.error_message = protocol::message(found.error_code);
    return found;
  }
  found.node_id = broker->id;
  found.host = endpoint->host;
  found.port = endpoint->port;
  return found;
}

}  // namespace

/// API 10. Which broker coordinates a group.
template <>
void handle<protocol::FindCoordinator>(FindCoordinatorRequest& request, RequestContext& context,
                                       Respond<FindCoordinatorResponse> respond) {
  const auto image = context.services.images.image();
  FindCoordinatorResponse response;
  if (context.api_version >= 4) {
    for (const auto& key : request.coordinator_keys) {
      response.coordinators.push_back(find(key, request.key_type, *image, context));
    }
  } else {
    auto found = find(request.key, request.key_type, *image, context);
    response.error_code = found.error_code;
    response.error_message = std::move(found.error_message);
    response.node_id = found.node_id;
    response.host = std::move(found.host);
    response.port = found.port;
  }
  respond(response);
}

}  // namespace sluice::broker::api

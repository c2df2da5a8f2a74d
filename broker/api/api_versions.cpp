#include "protocol/messages/api_versions.hpp"

#include <algorithm>

#include "broker/api/handler.hpp"
#include "broker/api/registry.hpp"
#include "broker/controller/controller.hpp"
#include "broker/controller/features.hpp"
#include "broker/controller/metadata_image.hpp"
#include "broker/services.hpp"

namespace sluice::broker::api {
namespace {

using protocol::ApiVersionsRequest;
using protocol::ApiVersionsResponse;
using protocol::ErrorCode;

bool is_alphanumeric(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// KIP-511: letters and digits, with '.' and '-' inside.
bool is_software_name(std::string_view text) {
  return !text.empty() && is_alphanumeric(text.front()) && is_alphanumeric(text.back()) &&
         std::all_of(text.begin(), text.end(), [](char c) { return is_alphanumeric(c) || c == '.' || c == '-'; });
}

/// Since version 5 a client says whom it believes to be talking to (KIP-1242).
bool is_meant_for_us(const ApiVersionsRequest& request, const RequestContext& context) {
  const auto image = context.services.images.image();
  const auto& own = image->cluster_id();  // empty: not known yet, the node is starting
  if (request.cluster_id && !own.empty() && *request.cluster_id != own) return false;
  return request.node_id == kNoBroker || request.node_id == context.services.settings.node_id;
}

/// KIP-584: what this broker could do, and what the cluster has agreed on. Clients look here before they use groups of
/// the consumer protocol (KIP-848), say.
void add_features(ApiVersionsResponse& response, const controller::MetadataImage& image, std::int16_t version) {
  response.finalized_features_epoch = image.version().value();
  for (const auto& feature : controller::known_features()) {
    auto& supported = response.supported_features.emplace_back();
    supported.name = feature.name;
    // KAFKA-17011: clients older than version 4 take a range that begins with 0 for nonsense.
    supported.min_version = std::max<std::int16_t>(feature.level_min, version < 4 ? 1 : 0);
    supported.max_version = feature.level_max;
  }
  for (const auto& [name, level] : image.features()) {
    auto& finalized = response.finalized_features.emplace_back();
    finalized.name = name;
    finalized.min_version_level = level;
    finalized.max_version_level = level;
  }
}

}  // namespace

/// API 18. What this broker serves. (A version it does not know is answered before a handler is chosen.)
template <>
void handle<protocol::ApiVersions>(ApiVersionsRequest& request, RequestContext& context,
                                   Respond<ApiVersionsResponse> respond) {
  ApiVersionsResponse response;
  if (context.api_version >= 3) {
    if (!is_software_name(request.client_software_name) || !is_software_name(request.client_software_version)) {
      response.error_code = ErrorCode::invalid_request;
      return respond(response);
    }
    context.connection.software_name = request.client_software_name;
    context.connection.software_version = request.client_software_version;
  }
  if (!is_meant_for_us(request, context)) {
    response.error_code = ErrorCode::rebootstrap_required;
    return respond(response);
  }
  for (const auto& entry : entries()) {
    auto& api = response.api_keys.emplace_back();
    api.api_key = static_cast<std::int16_t>(entry.key);
    api.min_version = entry.advertised_min_version;
    api.max_version = entry.max_version;
  }
  if (context.api_version >= 3) add_features(response, *context.services.images.image(), context.api_version);
  respond(response);
}

}  // namespace sluice::broker::api

#include "protocol/messages/api_versions.hpp"

#include <algorithm>

#include "broker/api/handler.hpp"
#include "broker/api/registry.hpp"
#include "broker/controller/controller.hpp"
#include "broker/controller/metadata_image.hpp"
#include "broker/services.hpp"

namespace sluice::broker::api {
namespace {

using protocol::ApiVersionsRequest;
using protocol::ApiVersionsResponse;
using protocol::ErrorCode;

constexpr const char* kGroupVersion = "group.version";
constexpr std::int16_t kGroupVersionLevel = 1;

bool is_alphanumeric(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// KIP-511: letters and digits, with '.' and '-' inside.
bool is_software_name(std::string_view text) {
  return !text.empty() && is_alphanumeric(text.front()) && is_alphanumeric(text.back()) &&
         std::all_of(text.begin(), text.end(), [](char c) { return is_alphanumeric(c) || c == '.' || c == '-'; });
}

/// Since version 5 a client says whom it believes to be talking to (KIP-1242).
bool is_meant_for_us(const ApiVersionsRequest& request, const RequestContext& context) {
  if (request.cluster_id && *request.cluster_id != context.services.images.image()->cluster_id()) return false;
  return request.node_id == kNoBroker || request.node_id == context.services.settings.node_id;
}

/// KIP-584: what clients look for before they use groups of the consumer protocol (KIP-848).
void add_features(ApiVersionsResponse& response, const controller::MetadataImage& image) {
  response.finalized_features_epoch = image.version().value();
  auto& supported = response.supported_features.emplace_back();
  supported.name = kGroupVersion;
  supported.min_version = 0;
  supported.max_version = kGroupVersionLevel;
  auto& finalized = response.finalized_features.emplace_back();
  finalized.name = kGroupVersion;
  finalized.min_version_level = kGroupVersionLevel;
  finalized.max_version_level = kGroupVersionLevel;
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
  if (context.api_version >= 3) add_features(response, *context.services.images.image());
  respond(response);
}

}  // namespace sluice::broker::api

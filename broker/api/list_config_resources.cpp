#include "protocol/messages/list_config_resources.hpp"

#include <algorithm>
#include <array>

#include "broker/api/handler.hpp"
#include "broker/controller/controller.hpp"
#include "broker/controller/metadata_image.hpp"
#include "broker/controller/metadata_record.hpp"
#include "broker/services.hpp"

namespace sluice::broker::api {
namespace {

using controller::ConfigResource;
using controller::MetadataImage;
using protocol::ErrorCode;
using protocol::ListConfigResourcesRequest;
using protocol::ListConfigResourcesResponse;

/// In the order of an answer that lists all.
constexpr std::array kListed{ConfigResource::group, ConfigResource::client_metrics, ConfigResource::broker_logger,
                             ConfigResource::broker, ConfigResource::topic};

void add(ListConfigResourcesResponse& response, ConfigResource type, std::string name) {
  auto& resource = response.config_resources.emplace_back();
  resource.resource_name = std::move(name);
  resource.resource_type = static_cast<std::int8_t>(type);
}

void list(const MetadataImage& image, ConfigResource type, ListConfigResourcesResponse& response) {
  switch (type) {
    case ConfigResource::group:
      image.for_each_configured_group([&](const auto& group) { add(response, type, group.id); });
      return;
    case ConfigResource::broker:
    case ConfigResource::broker_logger:
      for (const auto& broker : image.brokers()) add(response, type, std::to_string(broker.id.value()));
      return;
    case ConfigResource::topic:
      for (const auto& name : image.topic_names()) add(response, type, name);
      return;
    case ConfigResource::client_metrics: return;  // there are none
  }
}

}  // namespace

/// API 74. The resources that have settings; version 0 asks for those of client metrics only. No types: all (KIP-1142).
template <>
void handle<protocol::ListConfigResources>(ListConfigResourcesRequest& request, RequestContext& context,
                                           Respond<ListConfigResourcesResponse> respond) {
  const auto image = context.services.images.image();
  ListConfigResourcesResponse response;
  std::vector<ConfigResource> wanted;
  for (const auto number : request.resource_types) {
    const auto type = static_cast<ConfigResource>(number);
    if (std::ranges::count(kListed, type) == 0) {
      response.error_code = ErrorCode::unsupported_version;
      return respond(response);
    }
    wanted.push_back(type);
  }
  if (wanted.empty()) wanted.assign(kListed.begin(), kListed.end());
  if (context.api_version == 0) wanted = {ConfigResource::client_metrics};
  for (const auto type : kListed) {
    if (std::ranges::count(wanted, type) > 0) list(*image, type, response);
  }
  respond(response);
}

}  // namespace sluice::broker::api

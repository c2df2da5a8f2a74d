#include "protocol/messages/describe_configs.hpp"

#include <string>
#include <utility>
#include <vector>

#include "broker/api/handler.hpp"
#include "broker/config/describe.hpp"
#include "broker/controller/controller.hpp"
#include "broker/controller/metadata_image.hpp"
#include "broker/controller/metadata_record.hpp"
#include "broker/controller/topic_name.hpp"
#include "broker/services.hpp"

namespace sluice::broker::api {
namespace {

using controller::ConfigResource;
using controller::MetadataImage;
using protocol::DescribeConfigsRequest;
using protocol::DescribeConfigsResponse;
using protocol::ErrorCode;
using Resource = DescribeConfigsRequest::DescribeConfigsResource;
using ResourceResult = DescribeConfigsResponse::DescribeConfigsResult;

/// Answers the resources of one request from one image.
class ConfigDescription {
 public:
  ConfigDescription(const MetadataImage& image, const Services& services, const DescribeConfigsRequest& request)
      : image_(image),
        services_(services),
        request_(request),
        broker_(services.config.with_dynamic_defaults(image.broker_configs(kNoBroker))
                    .with_dynamic_broker(image.broker_configs(services.settings.node_id))) {}

  ResourceResult describe(const Resource& resource) const;

 private:
  void describe_topic(const Resource& resource, ResourceResult& result) const;
  void describe_broker(const Resource& resource, ResourceResult& result) const;
  void add(std::vector<config::DescribedConfig> described, ResourceResult& result) const;
  bool is_this_broker(const std::string& name) const {
    return name == std::to_string(services_.settings.node_id.value());
  }

  const MetadataImage& image_;
  const Services& services_;
  const DescribeConfigsRequest& request_;
  const config::BrokerConfig broker_;
};

void refuse(ResourceResult& result, ErrorCode code, std::string message) {
  result.error_code = code;
  result.error_message = std::move(message);
}

/// No keys at all mean every key, as null does.
config::ConfigNames names_of(const Resource& resource) {
  if (!resource.configuration_keys || resource.configuration_keys->empty()) return std::nullopt;
  return resource.configuration_keys;
}

ResourceResult ConfigDescription::describe(const Resource& resource) const {
  ResourceResult result;
  result.resource_type = resource.resource_type;
  result.resource_name = resource.resource_name;
  switch (static_cast<ConfigResource>(resource.resource_type)) {
    case ConfigResource::topic: describe_topic(resource, result); return result;
    case ConfigResource::broker: describe_broker(resource, result); return result;
    case ConfigResource::broker_logger:
      // Log levels are set at start, none of them by this API.
      if (!is_this_broker(resource.resource_name)) {
        refuse(result, ErrorCode::invalid_request, "Ask the broker itself: the name must be its own id.");
      }
      return result;
    case ConfigResource::group:
      if (resource.resource_name.empty()) {
        refuse(result, ErrorCode::invalid_request, "The name of a group must not be empty.");
      } else {
        add(config::describe_group(broker_, image_.group_configs(resource.resource_name), names_of(resource)), result);
      }
      return result;
    case ConfigResource::client_metrics:
      // They have no settings here.
      if (resource.resource_name.empty()) refuse(result, ErrorCode::invalid_request, "The name must not be empty.");
      return result;
  }
  refuse(result, ErrorCode::invalid_request, "The resource type must be 2 (topic), 4 (broker), 8, 16 or 32.");
  return result;
}

void ConfigDescription::describe_topic(const Resource& resource, ResourceResult& result) const {
  if (auto refusal = controller::refuse_topic_name(resource.resource_name)) {
    return refuse(result, ErrorCode::invalid_topic_exception, *std::move(refusal));
  }
  const auto* topic = image_.find_topic(resource.resource_name);
  if (topic == nullptr) {
    return refuse(result, ErrorCode::unknown_topic_or_partition, "There is no topic of this name.");
  }
  add(config::describe_topic(broker_, topic->configs, names_of(resource)), result);
}

void ConfigDescription::describe_broker(const Resource& resource, ResourceResult& result) const {
  if (resource.resource_name.empty()) {
    return add(config::describe_broker_defaults(broker_, names_of(resource)), result);
  }
  if (!is_this_broker(resource.resource_name)) {
    return refuse(result, ErrorCode::invalid_request,
                  "Ask the broker itself: the name must be its own id, or empty for the defaults of all brokers.");
  }
  add(config::describe_broker(broker_, names_of(resource)), result);
}

void ConfigDescription::add(std::vector<config::DescribedConfig> described, ResourceResult& result) const {
  result.configs.reserve(described.size());
  for (auto& one : described) {
    auto& to = result.configs.emplace_back();
    to.name = std::move(one.name);
    to.value = std::move(one.value);
    to.read_only = one.read_only;
    to.config_source = static_cast<std::int8_t>(one.source);
    to.is_sensitive = one.is_sensitive;
    to.config_type = static_cast<std::int8_t>(one.type);
    to.documentation = request_.include_documentation ? std::optional{std::string{one.documentation}} : std::nullopt;
    if (!request_.include_synonyms) continue;
    for (auto& synonym : one.synonyms) {
      auto& as = to.synonyms.emplace_back();
      as.name = std::move(synonym.name);
      as.value = std::move(synonym.value);
      as.source = static_cast<std::int8_t>(synonym.source);
    }
  }
}

}  // namespace

/// Api key 32.
template <>
void handle<protocol::DescribeConfigs>(DescribeConfigsRequest& request, RequestContext& context,
                                       Respond<DescribeConfigsResponse> respond) {
  const auto image = context.services.images.image();
  const ConfigDescription description{*image, context.services, request};
  DescribeConfigsResponse response;
  response.results.reserve(request.resources.size());
  for (const auto& resource : request.resources) response.results.push_back(description.describe(resource));
  respond(response);
}

}  // namespace sluice::broker::api

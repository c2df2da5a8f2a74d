#include "protocol/messages/find_coordinator.hpp"

#include <algorithm>
#include <memory>
#include <spdlog/spdlog.h>

#include "broker/api/handler.hpp"
#include "broker/controller/controller.hpp"
#include "broker/controller/metadata_image.hpp"
#include "broker/group/group_coordinator_driver.hpp"
#include "broker/group/group_partition.hpp"
#include "broker/peer/lost_brokers.hpp"
#include "broker/services.hpp"

namespace sluice::broker::api {
namespace {

using controller::MetadataImage;
using protocol::ErrorCode;
using protocol::FindCoordinatorRequest;
using protocol::FindCoordinatorResponse;
using Coordinator = FindCoordinatorResponse::Coordinator;

constexpr std::int8_t kGroup = 0;
constexpr std::int16_t kFirstOfMany = 4;

/// Null when nobody coordinates the group for now.
const controller::BrokerImage* coordinator_of(const std::string& group, const MetadataImage& image) {
  const auto* topic = image.find_topic(group::kOffsetsTopic);
  if (topic == nullptr) return nullptr;
  const auto count = static_cast<std::int32_t>(topic->partitions.size());
  const auto* partition = topic->find_partition(group::partition_of_group(group, count));
  return partition == nullptr ? nullptr : image.find_broker(partition->leader);
}

/// There are coordinators of groups only: none of transactions or share groups.
Coordinator find(const std::string& key, std::int8_t key_type, const MetadataImage& image,
                 const RequestContext& context) {
  Coordinator found;
  found.key = key;
  found.node_id = kNoBroker;
  found.port = -1;
  const auto* broker = key_type == kGroup ? coordinator_of(key, image) : nullptr;
  const auto* endpoint = broker == nullptr ? nullptr : broker->find_endpoint(context.connection.listener_name);
  if (endpoint == nullptr || broker->fenced) {
    found.error_code = ErrorCode::coordinator_not_available;
    found.error_message = protocol::message(found.error_code);
    return found;
  }
  found.node_id = broker->id;
  found.host = endpoint->host;
  found.port = endpoint->port;
  return found;
}

FindCoordinatorResponse find_all(const FindCoordinatorRequest& request, const MetadataImage& image,
                                 const RequestContext& context) {
  FindCoordinatorResponse response;
  if (context.api_version >= kFirstOfMany) {
    for (const auto& key : request.coordinator_keys) {
      response.coordinators.push_back(find(key, request.key_type, image, context));
    }
    return response;
  }
  auto found = find(request.key, request.key_type, image, context);
  response.error_code = found.error_code;
  response.error_message = std::move(found.error_message);
  response.node_id = found.node_id;
  response.host = std::move(found.host);
  response.port = found.port;
  return response;
}

/// Whether the answer would name a coordinator of whom it is not known yet whether it is gone.
bool names_lost(const FindCoordinatorRequest& request, const MetadataImage& image, const RequestContext& context) {
  const auto* lost = context.services.lost_brokers;
  if (lost == nullptr || !lost->any() || request.key_type != kGroup) return false;
  const auto is_lost = [&](const std::string& group) {
    const auto* broker = coordinator_of(group, image);
    return broker != nullptr && lost->contains(broker->id);
  };
  if (context.api_version < kFirstOfMany) return is_lost(request.key);
  return std::ranges::any_of(request.coordinator_keys, is_lost);
}

}  // namespace

/// API 10. Which broker coordinates a group: the leader of its partition of `__consumer_offsets`, which is created when
/// the first one asks. Waits a moment where that one may just have gone.
template <>
void handle<protocol::FindCoordinator>(FindCoordinatorRequest& request, RequestContext& context,
                                       Respond<FindCoordinatorResponse> respond) {
  const auto image = context.services.images.image();
  if (names_lost(request, *image, context)) {
    auto shared = std::make_shared<Respond<FindCoordinatorResponse>>(std::move(respond));
    auto& lost = *context.services.lost_brokers;
    return lost.when_settled([shared, request = std::move(request)] {
      const auto& context = shared->context();
      (*shared)(find_all(request, *context.services.images.image(), context));
    });
  }
  if (request.key_type != kGroup || image->find_topic(group::kOffsetsTopic) != nullptr) {
    return respond(find_all(request, *image, context));
  }
  auto shared = std::make_shared<Respond<FindCoordinatorResponse>>(std::move(respond));
  context.services.groups.ensure_topic([shared, request = std::move(request)](ErrorCode error) {
    if (error != ErrorCode::none) {
      spdlog::warn("topic={} can't be created: {}", group::kOffsetsTopic, protocol::message(error));
    }
    const auto& context = shared->context();
    (*shared)(find_all(request, *context.services.images.image(), context));
  });
}

}  // namespace sluice::broker::api

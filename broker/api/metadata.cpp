#include "protocol/messages/metadata.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "broker/api/handler.hpp"
#include "broker/api/topic_description.hpp"
#include "broker/controller/controller.hpp"
#include "broker/controller/controller_request.hpp"
#include "broker/controller/metadata_image.hpp"
#include "broker/controller/topic_name.hpp"
#include "broker/peer/lost_brokers.hpp"
#include "broker/services.hpp"

namespace sluice::broker::api {
namespace {

using controller::MetadataImage;
using controller::TopicImage;
using protocol::ErrorCode;
using protocol::MetadataRequest;
using protocol::MetadataResponse;
using Topic = MetadataResponse::MetadataResponseTopic;
using Refusals = std::map<std::string, ErrorCode, std::less<>>;  // why a topic could not be created

/// Answers one request from one image.
class MetadataAnswer {
 public:
  MetadataAnswer(const MetadataImage& image, const RequestContext& context, const MetadataRequest& request)
      : image_(image), context_(context), request_(request) {}

  MetadataResponse build(const Refusals& refusals);
  /// Whether it would name a leader of whom `lost` says that it may be gone.
  bool names_any_of(const peer::LostBrokers& lost) const;

 private:
  bool wants_all() const { return !request_.topics || (context_.api_version == 0 && request_.topics->empty()); }
  void add_brokers();
  void add_asked(const MetadataRequest::MetadataRequestTopic& asked, const Refusals& refusals);
  void add_topic(const TopicImage& topic);
  void add_error(ErrorCode error, std::optional<std::string> name, const Uuid& id);
  ErrorCode partition_error(const controller::PartitionImage& partition) const;
  std::int32_t topic_operations() const {
    return request_.include_topic_authorized_operations ? kTopicOperations : kOperationsNotAsked;
  }

  const MetadataImage& image_;
  const RequestContext& context_;
  const MetadataRequest& request_;
  MetadataResponse response_;
};

MetadataResponse MetadataAnswer::build(const Refusals& refusals) {
  add_brokers();
  response_.cluster_id = image_.cluster_id();
  response_.controller_id = controller_id(image_, context_);
  if (request_.include_cluster_authorized_operations) response_.cluster_authorized_operations = kClusterOperations;
  if (wants_all()) {
    response_.topics.reserve(image_.topic_count());
    image_.for_each_topic([this](const TopicImage& topic) { add_topic(topic); });
  } else {
    for (const auto& asked : *request_.topics) add_asked(asked, refusals);
  }
  return std::move(response_);
}

bool MetadataAnswer::names_any_of(const peer::LostBrokers& lost) const {
  bool names = false;
  const auto look = [&](const TopicImage& topic) {
    names = names || std::ranges::any_of(topic.partitions, [&](const controller::PartitionImage& partition) {
              return lost.contains(partition.leader);
            });
  };
  if (wants_all()) {
    image_.for_each_topic(look);
    return names;
  }
  for (const auto& asked : *request_.topics) {
    const auto* topic = asked.name ? image_.find_topic(*asked.name) : image_.find_topic(asked.topic_id);
    if (topic != nullptr) look(*topic);
  }
  return names;
}

void MetadataAnswer::add_brokers() {
  for (const auto& broker : image_.brokers()) {
    const auto* endpoint = broker.find_endpoint(context_.connection.listener_name);
    if (broker.fenced || endpoint == nullptr) continue;
    auto& to = response_.brokers.emplace_back();
    to.node_id = broker.id;
    to.host = endpoint->host;
    to.port = endpoint->port;
    to.rack = broker.rack;
  }
}

void MetadataAnswer::add_asked(const MetadataRequest::MetadataRequestTopic& asked, const Refusals& refusals) {
  if (!asked.topic_id.is_zero() || !asked.name) {
    const auto* topic = image_.find_topic(asked.topic_id);
    if (topic != nullptr) return add_topic(*topic);
    return add_error(ErrorCode::unknown_topic_id, std::nullopt, asked.topic_id);
  }
  if (const auto* topic = image_.find_topic(*asked.name)) return add_topic(*topic);
  if (controller::refuse_topic_name(*asked.name)) {
    return add_error(ErrorCode::invalid_topic_exception, asked.name, {});
  }
  const auto refusal = refusals.find(*asked.name);
  add_error(refusal == refusals.end() ? ErrorCode::unknown_topic_or_partition : refusal->second, asked.name, {});
}

void MetadataAnswer::add_error(ErrorCode error, std::optional<std::string> name, const Uuid& id) {
  auto& to = response_.topics.emplace_back();
  to.error_code = error;
  to.topic_id = id;
  to.name = std::move(name);
  if (!to.name && context_.api_version < 12) to.name = "";  // not nullable before
  to.is_internal = to.name && controller::is_internal_topic(*to.name);
  to.topic_authorized_operations = topic_operations();
}

void MetadataAnswer::add_topic(const TopicImage& topic) {
  auto& to = response_.topics.emplace_back();
  to.name = topic.name;
  to.topic_id = topic.id;
  to.is_internal = topic.internal;
  to.topic_authorized_operations = topic_operations();
  to.partitions.reserve(topic.partitions.size());
  for (const auto& partition : topic.partitions) {
    auto& item = to.partitions.emplace_back();
    item.error_code = partition_error(partition);
    item.partition_index = partition.partition;
    item.leader_id = item.error_code == ErrorCode::none ? partition.leader : kNoBroker;
    item.leader_epoch = partition.leader_epoch;
    item.replica_nodes = partition.replicas;
    item.isr_nodes = partition.isr;
    item.offline_replicas = offline_replicas(image_, partition);
  }
}

ErrorCode MetadataAnswer::partition_error(const controller::PartitionImage& partition) const {
  const auto* leader = image_.find_broker(partition.leader);
  if (leader == nullptr || leader->fenced) return ErrorCode::leader_not_available;
  if (leader->find_endpoint(context_.connection.listener_name) != nullptr) return ErrorCode::none;
  return context_.api_version >= 6 ? ErrorCode::listener_not_found : ErrorCode::leader_not_available;
}

/// Named topics that do not exist and may be created now, with the broker's defaults.
protocol::CreateTopicsRequest missing_topics(const MetadataRequest& request, const RequestContext& context,
                                             const MetadataImage& image) {
  protocol::CreateTopicsRequest creation;
  const bool allowed = context.api_version < 4 || request.allow_auto_topic_creation;
  if (!allowed || !context.services.settings.auto_create_topics_enable || !request.topics) return creation;
  Refusals seen;
  for (const auto& asked : *request.topics) {
    const bool by_name = asked.topic_id.is_zero() && asked.name;
    if (!by_name || image.find_topic(*asked.name) != nullptr || controller::refuse_topic_name(*asked.name)) continue;
    if (controller::is_internal_topic(*asked.name) || *asked.name == controller::kMetadataTopic) continue;
    if (!seen.emplace(*asked.name, ErrorCode::none).second) continue;
    auto& topic = creation.topics.emplace_back();
    topic.name = *asked.name;
    topic.num_partitions = -1;
    topic.replication_factor = -1;
  }
  return creation;
}

/// Those not created: codes that a client of Metadata understands; all but the hopeless ones make it try again.
Refusals refusals_of(const protocol::CreateTopicsResponse& created) {
  Refusals refusals;
  for (const auto& topic : created.topics) {
    const bool hopeless = topic.error_code == ErrorCode::invalid_topic_exception ||
                          topic.error_code == ErrorCode::invalid_replication_factor;
    refusals[topic.name] = hopeless ? topic.error_code : ErrorCode::leader_not_available;
  }
  return refusals;
}

}  // namespace

/// Api key 3. Missing topics are created first where that is allowed, so that the answer already shows them. Waits a
/// moment where it would name a leader that may just have gone.
template <>
void handle<protocol::Metadata>(MetadataRequest& request, RequestContext& context, Respond<MetadataResponse> respond) {
  const auto image = context.services.images.image();
  auto creation = missing_topics(request, context, *image);
  auto* lost = context.services.lost_brokers;
  const bool waits = lost != nullptr && lost->any() && MetadataAnswer{*image, context, request}.names_any_of(*lost);
  if (creation.topics.empty() && !waits) return respond(MetadataAnswer{*image, context, request}.build({}));

  auto shared = std::make_shared<Respond<MetadataResponse>>(std::move(respond));
  if (creation.topics.empty()) {
    return lost->when_settled([shared, request = std::move(request)] {
      const auto& context = shared->context();
      (*shared)(MetadataAnswer{*context.services.images.image(), context, request}.build({}));
    });
  }
  controller::call(context.services.controller, std::move(creation),
                   [shared, request = std::move(request)](const protocol::CreateTopicsResponse& created) {
                     const auto& context = shared->context();
                     const auto after = context.services.images.image();
                     (*shared)(MetadataAnswer{*after, context, request}.build(refusals_of(created)));
                   });
}

}  // namespace sluice::broker::api

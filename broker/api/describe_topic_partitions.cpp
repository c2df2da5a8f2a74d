#include "protocol/messages/describe_topic_partitions.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "broker/api/handler.hpp"
#include "broker/api/topic_description.hpp"
#include "broker/controller/controller.hpp"
#include "broker/controller/metadata_image.hpp"
#include "broker/controller/topic_name.hpp"
#include "broker/services.hpp"

namespace sluice::broker::api {
namespace {

using controller::MetadataImage;
using controller::TopicImage;
using protocol::DescribeTopicPartitionsRequest;
using protocol::DescribeTopicPartitionsResponse;
using protocol::ErrorCode;
using Topic = DescribeTopicPartitionsResponse::DescribeTopicPartitionsResponseTopic;

/// Adds partitions of `topic` from `first` on, at most `room`; returns how many.
std::int32_t add_partitions(const MetadataImage& image, const TopicImage& topic, std::int32_t first, std::int32_t room,
                            Topic& to) {
  const auto end = static_cast<std::int32_t>(
      std::min<std::int64_t>(static_cast<std::int64_t>(topic.partitions.size()), std::int64_t{first} + room));
  for (std::int32_t index = first; index < end; ++index) {
    const auto& partition = topic.partitions[static_cast<std::size_t>(index)];
    auto& item = to.partitions.emplace_back();
    item.partition_index = partition.partition;
    item.error_code = partition.leader == kNoBroker ? ErrorCode::leader_not_available : ErrorCode::none;
    item.leader_id = partition.leader;
    item.leader_epoch = partition.leader_epoch;
    item.replica_nodes = partition.replicas;
    item.isr_nodes = partition.isr;
    item.offline_replicas = offline_replicas(image, partition);
    // Empty where there are none: Java takes null for an error of ours.
    item.eligible_leader_replicas = partition.elr;
    item.last_known_elr = partition.last_known_elr;
  }
  return std::max(0, end - first);
}

/// The names asked for, or all of them, ascending, from the cursor's on.
std::vector<std::string> names_of(const DescribeTopicPartitionsRequest& request, const MetadataImage& image) {
  std::vector<std::string> names;
  for (const auto& topic : request.topics) names.push_back(topic.name);
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  const auto& from = request.topics.empty() ? image.topic_names() : names;
  if (!request.cursor && request.topics.empty()) return from;
  if (!request.cursor) return names;
  return {std::lower_bound(from.begin(), from.end(), request.cursor->topic_name), from.end()};
}

DescribeTopicPartitionsResponse describe(const DescribeTopicPartitionsRequest& request, const MetadataImage& image,
                                         std::int32_t room) {
  DescribeTopicPartitionsResponse response;
  for (auto& name : names_of(request, image)) {
    const bool at_cursor = request.cursor && request.cursor->topic_name == name;
    const auto first = at_cursor ? std::max(request.cursor->partition_index.value(), 0) : 0;
    const auto* topic = image.find_topic(name);
    if (room == 0) {
      response.next_cursor.emplace();
      response.next_cursor->topic_name = std::move(name);
      return response;
    }
    auto& to = response.topics.emplace_back();
    to.topic_authorized_operations = kTopicOperations;
    to.is_internal = controller::is_internal_topic(name);
    to.name = name;
    if (topic == nullptr) {
      to.error_code = controller::refuse_topic_name(name) ? ErrorCode::invalid_topic_exception
                                                          : ErrorCode::unknown_topic_or_partition;
      continue;
    }
    to.topic_id = topic->id;
    const auto added = add_partitions(image, *topic, first, room, to);
    room -= added;
    if (std::int64_t{first} + added < static_cast<std::int64_t>(topic->partitions.size())) {
      response.next_cursor.emplace();
      response.next_cursor->topic_name = std::move(name);
      response.next_cursor->partition_index = PartitionId{first + added};
      return response;
    }
  }
  return response;
}

}  // namespace

/// Api key 75, KIP-966. Sorted by name; `next_cursor` is where the next page begins.
template <>
void handle<protocol::DescribeTopicPartitions>(DescribeTopicPartitionsRequest& request, RequestContext& context,
                                               Respond<DescribeTopicPartitionsResponse> respond) {
  const auto image = context.services.images.image();
  if (request.cursor && request.cursor->partition_index.value() < 0) {
    DescribeTopicPartitionsResponse response;
    for (const auto& asked : request.topics) {
      auto& to = response.topics.emplace_back();
      to.name = asked.name;
      to.error_code = ErrorCode::invalid_request;
    }
    return respond(response);
  }
  const auto limit =
      std::min(request.response_partition_limit, context.services.settings.max_request_partition_size_limit);
  respond(describe(request, *image, std::max(limit, 1)));
}

}  // namespace sluice::broker::api

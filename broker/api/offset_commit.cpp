#include "protocol/messages/offset_commit.hpp"

#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "broker/api/answer_with.hpp"
#include "broker/api/handler.hpp"
#include "broker/controller/controller.hpp"
#include "broker/controller/metadata_image.hpp"
#include "broker/group/group_coordinator_driver.hpp"
#include "broker/services.hpp"

namespace sluice::broker::api {
namespace {

using protocol::ErrorCode;
using protocol::OffsetCommitRequest;
using protocol::OffsetCommitResponse;
using AnsweredTopic = OffsetCommitResponse::OffsetCommitResponseTopic;
using AnsweredTopics = std::vector<AnsweredTopic>;

constexpr std::int16_t kFirstByTopicId = 10;

void refuse_partition(AnsweredTopic& to, PartitionId partition, ErrorCode error) {
  auto& answer = to.partitions.emplace_back();
  answer.partition_index = partition;
  answer.error_code = error;
}

/// Moves what does not exist, topics and partitions, out of the request, and gives the other topics both name and id.
AnsweredTopics take_out_unknown(OffsetCommitRequest& request, const controller::MetadataImage& image,
                                bool by_topic_id) {
  AnsweredTopics unknown;
  std::vector<OffsetCommitRequest::OffsetCommitRequestTopic> known;
  for (auto& topic : request.topics) {
    const auto* found = by_topic_id ? image.find_topic(topic.topic_id) : image.find_topic(topic.name);
    if (found != nullptr) {
      topic.name = found->name;
      topic.topic_id = found->id;
    }
    AnsweredTopic refused{};
    refused.name = topic.name;
    refused.topic_id = topic.topic_id;
    const auto error =
        found == nullptr && by_topic_id ? ErrorCode::unknown_topic_id : ErrorCode::unknown_topic_or_partition;
    std::erase_if(topic.partitions, [&](const auto& partition) {
      if (found != nullptr && found->find_partition(partition.partition_index) != nullptr) return false;
      refuse_partition(refused, partition.partition_index, error);
      return true;
    });
    const bool is_all_known = found != nullptr && refused.partitions.empty();
    if (found != nullptr && (is_all_known || !topic.partitions.empty())) known.push_back(std::move(topic));
    if (!is_all_known) unknown.push_back(std::move(refused));
  }
  request.topics = std::move(known);
  return unknown;
}

/// Each topic is answered in one piece.
void add(OffsetCommitResponse& response, const AnsweredTopics& unknown) {
  if (unknown.empty()) return;
  std::map<std::pair<std::string, Uuid>, std::size_t> places;
  for (std::size_t i = 0; i < response.topics.size(); ++i) {
    places.try_emplace({response.topics[i].name, response.topics[i].topic_id}, i);
  }
  for (const auto& topic : unknown) {
    const auto place = places.find({topic.name, topic.topic_id});
    if (place == places.end()) {
      response.topics.push_back(topic);
      continue;
    }
    auto& partitions = response.topics[place->second].partitions;
    partitions.insert(partitions.end(), topic.partitions.begin(), topic.partitions.end());
  }
}

}  // namespace

/// API 8. Stores offsets of a group; answered when they are as safe as `sluice.durability` says.
template <>
void handle<protocol::OffsetCommit>(OffsetCommitRequest& request, RequestContext& context,
                                    Respond<OffsetCommitResponse> respond) {
  const auto image = context.services.images.image();
  auto unknown = take_out_unknown(request, *image, context.api_version >= kFirstByTopicId);
  if (request.topics.empty()) {
    OffsetCommitResponse response;
    response.topics = std::move(unknown);
    return respond(response);
  }
  context.services.groups.commit(std::move(request), context.api_version,
                                 [answer = answer_with(std::move(respond)), unknown](OffsetCommitResponse response) {
                                   add(response, unknown);
                                   answer(response);
                                 });
}

}  // namespace sluice::broker::api

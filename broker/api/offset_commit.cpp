#include "protocol/messages/offset_commit.hpp"

#include <iterator>
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
using AnsweredTopics = std::vector<OffsetCommitResponse::OffsetCommitResponseTopic>;

constexpr std::int16_t kFirstByTopicId = 10;

/// Moves the topics that do not exist out of the request, and gives the others both name and id.
AnsweredTopics take_out_unknown(OffsetCommitRequest& request, const controller::MetadataImage& image,
                                bool by_topic_id) {
  AnsweredTopics unknown;
  std::vector<OffsetCommitRequest::OffsetCommitRequestTopic> known;
  for (auto& topic : request.topics) {
    const auto* found = by_topic_id ? image.find_topic(topic.topic_id) : image.find_topic(topic.name);
    if (found != nullptr) {
      topic.name = found->name;
      topic.topic_id = found->id;
      known.push_back(std::move(topic));
      continue;
    }
    auto& answers = unknown.emplace_back();
    answers.name = topic.name;
    answers.topic_id = topic.topic_id;
    for (const auto& partition : topic.partitions) {
      auto& answer = answers.partitions.emplace_back();
      answer.partition_index = partition.partition_index;
      answer.error_code = by_topic_id ? ErrorCode::unknown_topic_id : ErrorCode::unknown_topic_or_partition;
    }
  }
  request.topics = std::move(known);
  return unknown;
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
                                   response.topics.insert(response.topics.end(), unknown.begin(), unknown.end());
                                   answer(response);
                                 });
}

}  // namespace sluice::broker::api

#include "protocol/messages/offset_delete.hpp"

#include <algorithm>
#include <utility>

#include "broker/api/answer_with.hpp"
#include "broker/api/handler.hpp"
#include "broker/controller/controller.hpp"
#include "broker/controller/metadata_image.hpp"
#include "broker/group/group_coordinator_driver.hpp"
#include "broker/services.hpp"

namespace sluice::broker::api {

using protocol::ErrorCode;
using protocol::OffsetDeleteRequest;
using protocol::OffsetDeleteResponse;

/// API 47. Forgets committed offsets of topics that a group does not read (KIP-496).
template <>
void handle<protocol::OffsetDelete>(OffsetDeleteRequest& request, RequestContext& context,
                                    Respond<OffsetDeleteResponse> respond) {
  const auto image = context.services.images.image();
  std::vector<OffsetDeleteResponse::OffsetDeleteResponseTopic> unknown;
  std::erase_if(request.topics, [&](const auto& topic) {
    if (image->find_topic(topic.name) != nullptr) return false;
    auto& answers = unknown.emplace_back();
    answers.name = topic.name;
    for (const auto& partition : topic.partitions) {
      auto& answer = answers.partitions.emplace_back();
      answer.partition_index = partition.partition_index;
      answer.error_code = ErrorCode::unknown_topic_or_partition;
    }
    return true;
  });
  context.services.groups.delete_offsets(
      std::move(request), [unknown = std::move(unknown), answer = answer_with(std::move(respond))](auto response) {
        if (response.error_code == ErrorCode::none) {
          response.topics.insert(response.topics.end(), unknown.begin(), unknown.end());
        }
        answer(response);
      });
}

}  // namespace sluice::broker::api

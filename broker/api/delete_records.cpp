#include "protocol/messages/delete_records.hpp"

#include "broker/api/error_map.hpp"
#include "broker/api/handler.hpp"
#include "broker/controller/controller.hpp"
#include "broker/controller/metadata_image.hpp"
#include "broker/replication/partition_table.hpp"
#include "broker/services.hpp"

namespace sluice::broker::api {

using protocol::DeleteRecordsRequest;
using protocol::DeleteRecordsResponse;
using protocol::ErrorCode;

/// API 21. Moves a partition's log start up; offset -1 stands for the high watermark (KIP-107).
template <>
void handle<protocol::DeleteRecords>(DeleteRecordsRequest& request, RequestContext& context,
                                     Respond<DeleteRecordsResponse> respond) {
  const auto image = context.services.images.image();
  DeleteRecordsResponse response;
  for (const auto& topic : request.topics) {
    auto& answer = response.topics.emplace_back();
    answer.name = topic.name;
    for (const auto& asked : topic.partitions) {
      auto& data = answer.partitions.emplace_back();
      data.partition_index = asked.partition_index;
      data.low_watermark = kNoOffset;
      const auto partition = context.services.partitions.find(topic.name, asked.partition_index);
      if (!partition) {
        data.error_code = unknown_partition_error(*image, topic.name, {}, asked.partition_index, false,
                                                  context.services.settings.node_id);
        continue;
      }
      data.error_code = partition->check_leadership(kNoLeaderEpoch);
      const auto settings = partition->settings();
      if (settings->cleanup_compact && !settings->cleanup_delete) data.error_code = ErrorCode::policy_violation;
      if (controller::is_internal_topic(topic.name)) data.error_code = ErrorCode::invalid_topic_exception;
      if (data.error_code != ErrorCode::none) continue;
      const auto start =
          partition->delete_records_before(asked.offset == kNoOffset ? partition->high_watermark() : asked.offset);
      data.error_code = start ? ErrorCode::none : to_error_code(start.error());
      if (start) data.low_watermark = *start;
    }
  }
  respond(response);
}

}  // namespace sluice::broker::api

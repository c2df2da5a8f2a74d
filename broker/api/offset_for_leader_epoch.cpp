#include "protocol/messages/offset_for_leader_epoch.hpp"

#include "broker/api/error_map.hpp"
#include "broker/api/handler.hpp"
#include "broker/controller/controller.hpp"
#include "broker/controller/metadata_image.hpp"
#include "broker/replication/partition_table.hpp"
#include "broker/services.hpp"

namespace sluice::broker::api {

using protocol::ErrorCode;
using protocol::OffsetForLeaderEpochRequest;
using protocol::OffsetForLeaderEpochResponse;

/// API 23. Where a leader epoch ends in this log, so that a client or follower finds out where it diverged (KIP-320).
template <>
void handle<protocol::OffsetForLeaderEpoch>(OffsetForLeaderEpochRequest& request, RequestContext& context,
                                            Respond<OffsetForLeaderEpochResponse> respond) {
  const auto image = context.services.images.image();
  OffsetForLeaderEpochResponse response;
  for (const auto& topic : request.topics) {
    auto& answer = response.topics.emplace_back();
    answer.topic = topic.topic;
    for (const auto& asked : topic.partitions) {
      auto& data = answer.partitions.emplace_back();
      data.partition = asked.partition;
      const auto partition = context.services.partitions.find(topic.topic, asked.partition);
      data.error_code = partition ? partition->check_leadership(asked.current_leader_epoch)
                                  : unknown_partition_error(*image, topic.topic, {}, asked.partition, false,
                                                            context.services.settings.node_id);
      if (data.error_code != ErrorCode::none) continue;
      const auto end = partition->log().end_of_epoch(asked.leader_epoch);
      data.leader_epoch = end.leader_epoch;
      data.end_offset = end.end_offset;
    }
  }
  respond(response);
}

}  // namespace sluice::broker::api

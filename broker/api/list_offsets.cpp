#include "protocol/messages/list_offsets.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "broker/api/error_map.hpp"
#include "broker/api/handler.hpp"
#include "broker/controller/controller.hpp"
#include "broker/controller/metadata_image.hpp"
#include "broker/replication/partition_table.hpp"
#include "broker/server/blocking_pool.hpp"
#include "broker/server/io_thread.hpp"
#include "broker/services.hpp"

namespace sluice::broker::api {
namespace {

using protocol::ErrorCode;
using protocol::ListOffsetsRequest;
using protocol::ListOffsetsResponse;
using replication::Partition;
using storage::TimestampedOffset;

/// Timestamps that are questions of their own, and the version that brought each.
enum class Special : std::int64_t {
  latest = -1,
  earliest = -2,
  max_timestamp = -3,            // v7, KIP-734
  earliest_local = -4,           // v8, KIP-405
  latest_tiered = -5,            // v9, KIP-1005
  earliest_pending_upload = -6,  // v11, KIP-1023
};

std::int16_t version_of(Special special) {
  switch (special) {
    case Special::latest:
    case Special::earliest: return 1;
    case Special::max_timestamp: return 7;
    case Special::earliest_local: return 8;
    case Special::latest_tiered: return 9;
    case Special::earliest_pending_upload: return 11;
  }
  return 1;
}

LeaderEpoch epoch_of(const Partition& partition, storage::Log& log, Offset offset) {
  return offset >= partition.log_end_offset() ? partition.leader_epoch() : log.leader_epoch_at(offset);
}

Result<TimestampedOffset> answer_special(Partition& partition, Special special, bool read_committed) {
  auto& log = partition.log();
  const auto at = [&](Offset offset) {
    return TimestampedOffset{.offset = offset, .leader_epoch = epoch_of(partition, log, offset)};
  };
  switch (special) {
    case Special::latest: return at(read_committed ? partition.last_stable_offset() : partition.high_watermark());
    case Special::earliest:
    case Special::earliest_local: return at(partition.log_start_offset());
    case Special::max_timestamp: return log.find_max_timestamp();
    // Nothing is tiered here, and nothing waits to be.
    case Special::latest_tiered:
    case Special::earliest_pending_upload: return TimestampedOffset{};
  }
  return TimestampedOffset{};
}

/// Whether the answer is the readable end, or that there is nothing up to it.
bool rests_on_end(const TimestampedOffset& answer, Timestamp asked) {
  if (asked.value() >= 0) return answer.offset == kNoOffset;
  return static_cast<Special>(asked.value()) == Special::latest;
}

Result<TimestampedOffset> find(Partition& partition, Timestamp timestamp, bool read_committed) {
  if (timestamp.value() < 0) return answer_special(partition, static_cast<Special>(timestamp.value()), read_committed);
  auto found = partition.log().find_timestamp(timestamp);
  // What is not replicated yet can't be read either.
  const auto end = read_committed ? partition.last_stable_offset() : partition.high_watermark();
  if (found && found->offset >= end) return TimestampedOffset{};
  return found;
}

bool is_known(Timestamp timestamp, std::int16_t version) {
  if (timestamp.value() >= 0) return true;
  return timestamp.value() >= static_cast<std::int64_t>(Special::earliest_pending_upload) &&
         version >= version_of(static_cast<Special>(timestamp.value()));
}

/// Whether the answer is looked for in the log's files.
bool searches(const ListOffsetsRequest& request) {
  return std::ranges::any_of(request.topics, [](const auto& topic) {
    return std::ranges::any_of(topic.partitions, [](const auto& asked) {
      return asked.timestamp.value() >= 0 || static_cast<Special>(asked.timestamp.value()) == Special::max_timestamp;
    });
  });
}

ListOffsetsResponse answer_to(const ListOffsetsRequest& request, Services& services, std::int16_t version) {
  const auto image = services.images.image();
  const bool read_committed = request.isolation_level == 1;
  ListOffsetsResponse response;
  std::set<std::pair<std::string, PartitionId>> seen;
  for (const auto& topic : request.topics) {
    auto& answer = response.topics.emplace_back();
    answer.name = topic.name;
    for (const auto& asked : topic.partitions) {
      auto& data = answer.partitions.emplace_back();
      data.partition_index = asked.partition_index;
      const auto partition = services.partitions.find(topic.name, asked.partition_index);
      if (!seen.emplace(topic.name, asked.partition_index).second) {
        data.error_code = ErrorCode::invalid_request;
      } else if (!is_known(asked.timestamp, version)) {
        data.error_code = ErrorCode::unsupported_version;
      } else if (!partition) {
        data.error_code =
            unknown_partition_error(*image, topic.name, {}, asked.partition_index, false, services.settings.node_id);
      } else {
        data.error_code = partition->check_leadership(asked.current_leader_epoch);
      }
      if (data.error_code != ErrorCode::none) continue;
      const bool knows_end = partition->knows_high_watermark();
      const auto found = find(*partition, asked.timestamp, read_committed);
      if (!found) {
        data.error_code = to_error_code(found.error());
        continue;
      }
      if (!knows_end && rests_on_end(*found, asked.timestamp)) {
        data.error_code = version >= 5 ? ErrorCode::offset_not_available : ErrorCode::leader_not_available;
        continue;
      }
      data.offset = found->offset;
      data.timestamp = found->timestamp;
      if (version >= 4) data.leader_epoch = found->leader_epoch;
    }
  }
  return response;
}

}  // namespace

/// API 2. The offset of a time, or of an end of the log. A time is looked for in files that may be on the disk only,
/// and whole batches are unpacked: not on an io thread.
template <>
void handle<protocol::ListOffsets>(ListOffsetsRequest& request, RequestContext& context,
                                   Respond<ListOffsetsResponse> respond) {
  auto& services = context.services;
  if (!searches(request)) return respond(answer_to(request, services, context.api_version));
  services.background.post([&services, &thread = context.io_thread, version = context.api_version,
                            request = std::move(request), respond = std::move(respond)]() mutable {
    auto response = answer_to(request, services, version);
    thread.post([respond = std::move(respond), response = std::move(response)]() mutable { respond(response); });
  });
}

}  // namespace sluice::broker::api

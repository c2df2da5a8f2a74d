#include "protocol/messages/alter_replica_log_dirs.hpp"

#include <spdlog/spdlog.h>

#include "broker/api/error_map.hpp"
#include "broker/api/handler.hpp"
#include "broker/controller/controller.hpp"
#include "broker/controller/metadata_image.hpp"
#include "broker/replication/partition_table.hpp"
#include "broker/replication/replica_mover.hpp"
#include "broker/server/blocking_pool.hpp"
#include "broker/services.hpp"

namespace sluice::broker::api {
namespace {

using protocol::AlterReplicaLogDirsRequest;
using protocol::AlterReplicaLogDirsResponse;
using protocol::ErrorCode;

constexpr std::size_t kFileNameMax = 255;
constexpr std::size_t kFutureSuffixBytes = 1 + 32 + 7;  // of `<topic>-<n>.<32 hex digits>-future`

ErrorCode to_move_error(std::error_code error) noexcept {
  return error == std::errc::no_such_file_or_directory ? ErrorCode::replica_not_available : to_error_code(error);
}

/// In Kafka's order: the name, the directory, the partition. One that nobody knows is remembered to be made there.
ErrorCode move(Services& services, const TopicPartition& partition, const std::string& directory) {
  if (partition.to_string().size() + kFutureSuffixBytes > kFileNameMax) return ErrorCode::invalid_topic_exception;
  auto& logs = services.partitions.logs();
  if (const auto known = logs.find_directory(directory); !known) {
    const bool unknown = known.error() == std::errc::no_such_file_or_directory;
    return unknown ? ErrorCode::log_dir_not_found : ErrorCode::kafka_storage_error;
  }
  if (services.partitions.find(partition.topic, partition.partition) == nullptr) {
    const auto image = services.images.image();
    if (image->find_partition(partition.topic, partition.partition) != nullptr) {
      return unknown_partition_error(*image, partition.topic, {}, partition.partition, false) ==
                     ErrorCode::kafka_storage_error
                 ? ErrorCode::kafka_storage_error
                 : ErrorCode::replica_not_available;
    }
    (void)logs.wish(partition, directory);
    return ErrorCode::unknown_topic_or_partition;
  }
  const auto begun = services.mover.move(partition, directory);
  if (begun) return ErrorCode::none;
  spdlog::warn("partition={} can't be moved to={}: {}", partition.to_string(), directory, begun.error().message());
  return to_move_error(begun.error());
}

AlterReplicaLogDirsResponse move_all(Services& services, const AlterReplicaLogDirsRequest& request) {
  AlterReplicaLogDirsResponse response;
  for (const auto& directory : request.dirs) {
    for (const auto& topic : directory.topics) {
      auto& result = response.results.emplace_back();
      result.topic_name = topic.name;
      for (const auto partition : topic.partitions) {
        auto& answer = result.partitions.emplace_back();
        answer.partition_index = partition;
        answer.error_code = move(services, {topic.name, partition}, directory.path);
      }
    }
  }
  return response;
}

}  // namespace

/// Api key 34 (KIP-113). Answered when the moves have begun; DescribeLogDirs shows how far they are.
template <>
void handle<protocol::AlterReplicaLogDirs>(AlterReplicaLogDirsRequest& request, RequestContext& context,
                                           Respond<AlterReplicaLogDirsResponse> respond) {
  auto& services = context.services;
  services.background.post(
      [&services, request = request, respond = std::move(respond)]() mutable { respond(move_all(services, request)); });
}

}  // namespace sluice::broker::api

#include "protocol/messages/describe_log_dirs.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "broker/api/handler.hpp"
#include "broker/replication/partition_table.hpp"
#include "broker/services.hpp"
#include "storage/log/log_move.hpp"

namespace sluice::broker::api {
namespace {

using protocol::DescribeLogDirsRequest;
using protocol::DescribeLogDirsResponse;
using protocol::ErrorCode;
using Directory = DescribeLogDirsResponse::DescribeLogDirsResult;
using Partition = DescribeLogDirsResponse::DescribeLogDirsPartition;

/// The partitions a request asks for; all where it names none.
class Selection {
 public:
  explicit Selection(const DescribeLogDirsRequest& request) : all_(!request.topics) {
    if (all_) return;
    for (const auto& topic : *request.topics) {
      for (const auto partition : topic.partitions) wanted_.insert({topic.topic, partition});
    }
  }
  bool contains(const TopicPartition& partition) const { return all_ || wanted_.contains(partition); }

 private:
  const bool all_;
  std::set<TopicPartition> wanted_;
};

/// What a replica still has to copy to reach the high watermark: none for a leader.
std::int64_t offset_lag(const replication::PartitionTable& partitions, const TopicPartition& name,
                        const storage::Log& log) {
  const auto partition = partitions.find(name.topic, name.partition);
  if (partition == nullptr) return 0;
  return std::max<std::int64_t>(0, partition->high_watermark() - log.log_end_offset());
}

}  // namespace

/// Api key 35. Of this broker's own directories.
template <>
void handle<protocol::DescribeLogDirs>(DescribeLogDirsRequest& request, RequestContext& context,
                                       Respond<DescribeLogDirsResponse> respond) {
  auto& partitions = context.services.partitions;
  const Selection selection{request};
  std::map<std::string, std::map<std::string, std::vector<Partition>>> found;  // by directory, by topic
  partitions.logs().for_each(
      [&](const TopicPartition& name, const std::shared_ptr<storage::Log>& log, const std::string& directory) {
        if (!selection.contains(name)) return;
        auto& to = found[directory][name.topic].emplace_back();
        to.partition_index = name.partition;
        to.partition_size = static_cast<std::int64_t>(log->size_bytes());
        to.offset_lag = offset_lag(partitions, name, *log);
      });

  for (const auto& moving : partitions.logs().moves()) {
    if (!selection.contains(moving.partition)) continue;
    auto& to = found[moving.directory][moving.partition.topic].emplace_back();
    to.partition_index = moving.partition.partition;
    to.partition_size = static_cast<std::int64_t>(moving.move->bytes_copied());
    to.offset_lag = std::max<std::int64_t>(0, moving.log->log_end_offset() - moving.move->copied_end());
    to.is_future_key = true;
  }

  DescribeLogDirsResponse response;
  for (const auto& space : partitions.logs().spaces()) {
    auto& directory = response.results.emplace_back();
    directory.log_dir = space.directory;
    if (space.offline) {
      directory.error_code = ErrorCode::kafka_storage_error;
      continue;
    }
    directory.total_bytes = static_cast<std::int64_t>(space.space.total);
    directory.usable_bytes = static_cast<std::int64_t>(space.space.available);
    for (auto& [name, items] : found[space.directory]) {
      auto& topic = directory.topics.emplace_back();
      topic.name = name;
      topic.partitions = std::move(items);
    }
  }
  respond(response);
}

}  // namespace sluice::broker::api

// GroupPartitionDriver: requests about offsets, and of administrators.

#include <chrono>
#include <spdlog/spdlog.h>
#include <utility>

#include "broker/controller/controller.hpp"
#include "broker/group/group_partition_driver.hpp"

namespace sluice::broker::group {

using protocol::ErrorCode;

void GroupPartitionDriver::commit(const protocol::OffsetCommitRequest& request, std::int16_t version,
                                  Answer<protocol::OffsetCommitResponse> answer) {
  const auto began = std::chrono::steady_clock::now();
  auto decision = shard_->commit(request, version, now());
  wait_for_deadline();
  if (decision.records.empty()) return answer(std::move(decision.response));
  const auto offsets = decision.records.size();
  append(request.group_id, std::move(decision.records),
         [this, began, offsets, answer = std::move(answer),
          response = std::move(decision.response)](ErrorCode error) mutable {
           if (error == ErrorCode::none) {
             metrics_.offset_commits_total.add(offsets);
             metrics_.offset_commit_latency.observe(std::chrono::steady_clock::now() - began);
           }
           for (auto& topic : response.topics) {
             for (auto& partition : topic.partitions) {
               if (partition.error_code == ErrorCode::none) partition.error_code = error;
             }
           }
           answer(std::move(response));
         });
}

void GroupPartitionDriver::fetch(const GroupShard::FetchOfGroup& request, Answer<GroupShard::FetchedOfGroup> answer) {
  auto fetched = shard_->fetch(request);
  if (fetched.error_code == ErrorCode::none) return answer(std::move(fetched));
  // It rests on what a member was told, or is about to be told.
  after_appends([answer = std::move(answer), fetched = std::move(fetched)](ErrorCode error) mutable {
    if (error != ErrorCode::none) fetched.error_code = error;
    answer(std::move(fetched));
  });
}

void GroupPartitionDriver::delete_offsets(const protocol::OffsetDeleteRequest& request,
                                          Answer<protocol::OffsetDeleteResponse> answer) {
  auto decision = shard_->delete_offsets(request);
  if (decision.records.empty()) return answer(std::move(decision.response));
  append(request.group_id, std::move(decision.records),
         [answer = std::move(answer), response = std::move(decision.response)](ErrorCode error) mutable {
           response.error_code = error;
           if (error != ErrorCode::none) response.topics.clear();
           answer(std::move(response));
         });
}

void GroupPartitionDriver::describe_consumer(const std::string& group, Answer<GroupShard::ConsumerDescribed> answer) {
  use_newest_image();
  after_appends([answer = std::move(answer), described = shard_->describe_consumer(group)](ErrorCode error) mutable {
    if (error == ErrorCode::none) return answer(std::move(described));
    answer({.error_code = error, .group_id = std::move(described.group_id)});
  });
}

void GroupPartitionDriver::delete_group(const std::string& group, Answer<GroupShard::Deleted> answer) {
  auto decision = shard_->delete_group(group);
  if (decision.records.empty()) return answer(std::move(decision.response));
  append(group, std::move(decision.records),
         [answer = std::move(answer), response = std::move(decision.response)](ErrorCode error) mutable {
           response.error_code = error;
           answer(std::move(response));
         });
}

void GroupPartitionDriver::forget_topic(const std::string& topic, const Uuid& topic_id) {
  for (auto& gone : shard_->forget_topic(topic, topic_id)) write(std::move(gone));
}

void GroupPartitionDriver::forget_expired() {
  auto writes = shard_->forget_expired(now());
  std::size_t records = 0;
  for (auto& gone : writes) {
    records += gone.records.size();
    write(std::move(gone));
  }
  metrics_.expired_offsets_total.add(records);
  if (records > 0) spdlog::info("partition={} expired_records={}", partition_->name().to_string(), records);
}

}  // namespace sluice::broker::group

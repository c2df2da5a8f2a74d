// GroupPartitionDriver: requests about offsets, and of administrators.

#include <algorithm>
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
  const auto offsets = decision.records.size();
  auto finish = [this, began, offsets, answer = std::move(answer),
                 response = std::move(decision.response)](ErrorCode error) mutable {
    if (error == ErrorCode::none && offsets > 0) {
      metrics_.offset_commits_total.add(offsets);
      metrics_.offset_commit_latency.observe(std::chrono::steady_clock::now() - began);
    }
    for (auto& topic : response.topics) {
      for (auto& partition : topic.partitions) {
        if (partition.error_code == ErrorCode::none) partition.error_code = error;
      }
    }
    answer(std::move(response));
  };
  if (offsets > 0) return append(request.group_id, std::move(decision.records), std::move(finish));
  if (shard_->find_consumer(request.group_id) == nullptr) return finish(ErrorCode::none);
  after_appends(std::move(finish));  // it was refused by what may not be committed yet
}

void GroupPartitionDriver::fetch(const GroupShard::FetchOfGroup& request, bool require_stable,
                                 Answer<GroupShard::FetchedOfGroup> answer) {
  const auto* group = std::as_const(*shard_).find(request.group_id);
  const bool is_stable = group == nullptr || group->appends == 0;
  auto fetched = shard_->fetch(request);
  if (fetched.error_code == ErrorCode::none && (is_stable || !require_stable)) return answer(std::move(fetched));
  // An error rests on what a member was told, or is about to be told.
  after_appends([this, request, answer = std::move(answer), fetched = std::move(fetched)](ErrorCode error) mutable {
    const bool is_kept = error == ErrorCode::none && state_ == State::active;
    if (is_kept && fetched.error_code == ErrorCode::none) return answer(shard_->fetch(request));
    if (!is_kept) {
      fetched.error_code = ErrorCode::not_coordinator;
      fetched.topics.clear();
    }
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
  if (state_ == State::loading) return void(deleted_.emplace_back(topic, topic_id));
  if (availability() != ErrorCode::none) return;
  after_appends([this, topic, topic_id](ErrorCode) {
    if (state_ != State::active) return;  // whoever loads the groups looks for leftovers
    for (auto& gone : shard_->forget_topic(topic, topic_id)) write(std::move(gone));
  });
}

void GroupPartitionDriver::forget_expired() {
  auto writes = shard_->forget_expired(now());
  std::size_t offsets = 0;
  for (auto& gone : writes) {
    offsets += static_cast<std::size_t>(std::count_if(gone.records.begin(), gone.records.end(), [](const auto& record) {
      return std::holds_alternative<OffsetRecord>(record);
    }));
    write(std::move(gone));
  }
  metrics_.expired_offsets_total.add(offsets);
  if (!writes.empty()) {
    spdlog::info("partition={} groups_with_expired={} expired_offsets={}", partition_->name().to_string(),
                 writes.size(), offsets);
  }
}

}  // namespace sluice::broker::group

// GroupShard: committed offsets.

#include <algorithm>
#include <limits>
#include <set>
#include <tuple>

#include "broker/group/group_shard.hpp"

namespace sluice::broker::group {

using protocol::ErrorCode;
using protocol::OffsetCommitRequest;
using protocol::OffsetCommitResponse;
using protocol::OffsetDeleteRequest;
using protocol::OffsetDeleteResponse;

namespace {

constexpr std::int16_t kFirstWithMemberEpoch = 9;  // KIP-848

/// The records of one request make one batch, which Kafka bounds by message.max.bytes; this is that setting's default,
/// about. Every record repeats the group's id, so that a request is no bound of its own.
constexpr std::size_t kBatchBytesMax = std::size_t{1} << 20;

/// About what the record of one offset takes in its batch.
std::size_t record_size(const std::string& group, const std::string& topic, std::size_t metadata) {
  constexpr std::size_t kFixed = 64;  // lengths, numbers, the topic's id
  return kFixed + group.size() + topic.size() + metadata;
}

/// Leaves out what is refused for its metadata.
bool is_too_large(const OffsetCommitRequest& request, std::size_t metadata_max) {
  std::size_t size = 0;
  for (const auto& topic : request.topics) {
    for (const auto& partition : topic.partitions) {
      const auto metadata = partition.committed_metadata ? partition.committed_metadata->size() : 0;
      if (metadata <= metadata_max) size += record_size(request.group_id, topic.name, metadata);
      if (size > kBatchBytesMax) return true;
    }
  }
  return false;
}

/// When an offset is to expire that is kept for `retention_ms`, as OffsetCommit up to version 4 may ask; negative: as
/// the broker's settings say.
Timestamp expiry_of(std::int64_t retention_ms, Timestamp now) {
  if (retention_ms < 0) return kNoTimestamp;
  return Timestamp{now.value() + std::min(retention_ms, std::numeric_limits<std::int64_t>::max() - now.value())};
}

/// KIP-1251: of partitions that the member had in the epoch that it names, and has still.
bool is_late(const OffsetCommitRequest& request, const ConsumerGroup& group) {
  const auto may_pass = [&](const auto& topic, const auto& partition) {
    return group.may_commit_late(request.member_id, request.generation_id_or_member_epoch, topic.topic_id,
                                 partition.partition_index);
  };
  return std::all_of(request.topics.begin(), request.topics.end(), [&](const auto& topic) {
    return std::all_of(topic.partitions.begin(), topic.partitions.end(),
                       [&](const auto& partition) { return may_pass(topic, partition); });
  });
}

}  // namespace

ErrorCode GroupShard::check_commit(const OffsetCommitRequest& request, std::int16_t version, Now now) {
  const auto epoch = request.generation_id_or_member_epoch;
  auto* group = find(request.group_id);
  if (group != nullptr && group->consumer) {
    const auto& members = group->consumer->members();
    const auto member = members.find(request.member_id);
    if (version < kFirstWithMemberEpoch && member != members.end() && !member->second.classic) {
      return ErrorCode::unsupported_version;
    }
    const auto error = group->consumer->check_commit(request.member_id, request.group_instance_id, epoch, now);
    settle(request.group_id);
    return error == ErrorCode::stale_member_epoch && is_late(request, *group->consumer) ? ErrorCode::none : error;
  }
  if (group != nullptr && group->classic) {
    const auto error = group->classic->check_commit(request.member_id, request.group_instance_id, epoch, now);
    settle(request.group_id);
    return error;
  }
  if (epoch < 0) return ErrorCode::none;
  // A group that only has offsets has no generation that could be the right one.
  if (group != nullptr) return ErrorCode::unknown_member_id;
  return version >= kFirstWithMemberEpoch ? ErrorCode::group_id_not_found : ErrorCode::illegal_generation;
}

Decision<OffsetCommitResponse> GroupShard::commit(const OffsetCommitRequest& request, std::int16_t version, Now now) {
  auto error = check_commit(request, version, now);
  const auto metadata_max = static_cast<std::size_t>(settings_->offset_metadata_max_bytes);
  if (error == ErrorCode::none && is_too_large(request, metadata_max)) error = ErrorCode::invalid_commit_offset_size;
  const auto expires = expiry_of(request.retention_time_ms, now.wall);
  Decision<OffsetCommitResponse> decision;
  for (const auto& topic : request.topics) {
    auto& answers = decision.response.topics.emplace_back();
    answers.name = topic.name;
    answers.topic_id = topic.topic_id;
    answers.partitions.reserve(topic.partitions.size());
    if (error == ErrorCode::none) decision.records.reserve(decision.records.size() + topic.partitions.size());
    for (const auto& partition : topic.partitions) {
      auto& answer = answers.partitions.emplace_back();
      answer.partition_index = partition.partition_index;
      answer.error_code = error;
      if (error != ErrorCode::none) continue;
      auto metadata = partition.committed_metadata.value_or("");
      if (metadata.size() > metadata_max) {
        answer.error_code = ErrorCode::offset_metadata_too_large;
        continue;
      }
      decision.records.emplace_back(offset_record(request.group_id, topic.name, partition.partition_index,
                                                  {.offset = partition.committed_offset,
                                                   .leader_epoch = partition.committed_leader_epoch,
                                                   .metadata = std::move(metadata),
                                                   .commit_timestamp = now.wall,
                                                   .expire_timestamp = expires,
                                                   .topic_id = topic.topic_id}));
    }
  }
  return decision;
}

ErrorCode GroupShard::check_fetch(const FetchOfGroup& request, const CoordinatedGroup* group) const {
  if (group == nullptr || !group->consumer) return ErrorCode::none;
  return group->consumer->check_fetch(request.member_id, request.member_epoch);
}

GroupShard::FetchedOfGroup GroupShard::fetch(const FetchOfGroup& request) const {
  FetchedOfGroup fetched;
  fetched.group_id = request.group_id;
  const auto* group = find(request.group_id);
  fetched.error_code = check_fetch(request, group);
  if (fetched.error_code != ErrorCode::none) return fetched;
  const auto add = [](auto& topic, PartitionId partition, std::optional<CommittedOffset> offset) {
    auto& to = topic.partitions.emplace_back();
    to.partition_index = partition;
    to.committed_offset = offset ? offset->offset : kNoOffset;
    if (!offset) return;
    to.committed_leader_epoch = offset->leader_epoch;
    to.metadata = std::move(offset->metadata);
  };
  if (!request.topics) {
    if (group == nullptr) return fetched;
    for (const auto& [name, partitions] : group->offsets.topics()) {
      auto* topic = &fetched.topics.emplace_back();
      topic->name = name;
      topic->partitions.reserve(partitions.size());
      for (auto&& [partition, offset] : partitions) {
        if (!topic->partitions.empty() && topic->topic_id != offset.topic_id) {
          topic = &fetched.topics.emplace_back();
          topic->name = name;
        }
        topic->topic_id = offset.topic_id;
        add(*topic, partition, std::move(offset));
      }
    }
    return fetched;
  }
  for (const auto& asked : *request.topics) {
    auto& topic = fetched.topics.emplace_back();
    topic.name = asked.name;
    topic.topic_id = asked.topic_id;
    for (const auto partition : asked.partition_indexes) {
      auto offset = group == nullptr ? std::nullopt : group->offsets.find(asked.name, partition);
      // Of a topic of the same name that is no more.
      if (offset && !asked.topic_id.is_zero() && !offset->topic_id.is_zero() && offset->topic_id != asked.topic_id) {
        offset.reset();
      }
      add(topic, partition, std::move(offset));
    }
  }
  return fetched;
}

Decision<OffsetDeleteResponse> GroupShard::delete_offsets(const OffsetDeleteRequest& request) const {
  Decision<OffsetDeleteResponse> decision;
  const auto too_large = [] {
    Decision<OffsetDeleteResponse> refusal;
    refusal.response.error_code = ErrorCode::unknown_server_error;  // as Kafka tells it
    return refusal;
  };
  const auto* group = find(request.group_id);
  if (group == nullptr) {
    decision.response.error_code = ErrorCode::group_id_not_found;
    return decision;
  }
  if (group->classic && !group->classic->is_deserted() && !group->classic->is_consumer_group()) {
    decision.response.error_code = ErrorCode::non_empty_group;  // nobody can tell what its members read
    return decision;
  }
  std::set<std::tuple<std::string_view, PartitionId>> seen;
  std::size_t size = 0;
  for (const auto& topic : request.topics) {
    const bool subscribed = group->is_subscribed_to(topic.name);
    auto& answers = decision.response.topics.emplace_back();
    answers.name = topic.name;
    for (const auto& partition : topic.partitions) {
      if (!seen.emplace(topic.name, partition.partition_index).second) continue;
      auto& answer = answers.partitions.emplace_back();
      answer.partition_index = partition.partition_index;
      answer.error_code = subscribed ? ErrorCode::group_subscribed_to_topic : ErrorCode::none;
      if (subscribed || !group->offsets.find(topic.name, partition.partition_index)) continue;
      size += record_size(request.group_id, topic.name, 0);
      if (size > kBatchBytesMax) return too_large();
      decision.records.emplace_back(offset_tombstone(request.group_id, topic.name, partition.partition_index));
    }
  }
  return decision;
}

}  // namespace sluice::broker::group

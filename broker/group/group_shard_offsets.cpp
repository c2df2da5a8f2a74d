#include "broker/group/group_shard.hpp"

namespace sluice::broker::group {

using protocol::ErrorCode;
using protocol::OffsetCommitRequest;
using protocol::OffsetCommitResponse;
using protocol::OffsetDeleteRequest;
using protocol::OffsetDeleteResponse;

ErrorCode GroupShard::check_commit(const OffsetCommitRequest& request, Now now) {
  if (auto* group = find(request.group_id)) {
    const auto error = group->classic.check_commit(request.member_id, request.group_instance_id,
                                                   request.generation_id_or_member_epoch, now);
    settle(request.group_id);
    return error;
  }
  return request.generation_id_or_member_epoch < 0 ? ErrorCode::none : ErrorCode::illegal_generation;
}

Decision<OffsetCommitResponse> GroupShard::commit(const OffsetCommitRequest& request, Now now) {
  const auto error = check_commit(request, now);
  Decision<OffsetCommitResponse> decision;
  for (const auto& topic : request.topics) {
    auto& answers = decision.response.topics.emplace_back();
    answers.name = topic.name;
    answers.topic_id = topic.topic_id;
    for (const auto& partition : topic.partitions) {
      auto& answer = answers.partitions.emplace_back();
      answer.partition_index = partition.partition_index;
      answer.error_code = error;
      if (error != ErrorCode::none) continue;
      auto metadata = partition.committed_metadata.value_or("");
      if (metadata.size() > static_cast<std::size_t>(settings_->offset_metadata_max_bytes)) {
        answer.error_code = ErrorCode::offset_metadata_too_large;
        continue;
      }
      const auto expires = request.retention_time_ms < 0 ? kNoTimestamp : now.wall + request.retention_time_ms;
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

GroupShard::FetchedOfGroup GroupShard::fetch(const FetchOfGroup& request) const {
  FetchedOfGroup fetched;
  fetched.group_id = request.group_id;
  const auto* group = find(request.group_id);
  const auto add = [](auto& topic, PartitionId partition, const CommittedOffset* offset) {
    auto& to = topic.partitions.emplace_back();
    to.partition_index = partition;
    to.committed_offset = offset == nullptr ? kNoOffset : offset->offset;
    if (offset == nullptr) return;
    to.committed_leader_epoch = offset->leader_epoch;
    to.metadata = offset->metadata;
  };
  if (!request.topics) {
    if (group == nullptr) return fetched;
    for (const auto& [name, partitions] : group->offsets.topics()) {
      auto& topic = fetched.topics.emplace_back();
      topic.name = name;
      topic.topic_id = partitions.begin()->second.topic_id;
      for (const auto& [partition, offset] : partitions) add(topic, partition, &offset);
    }
    return fetched;
  }
  for (const auto& asked : *request.topics) {
    auto& topic = fetched.topics.emplace_back();
    topic.name = asked.name;
    topic.topic_id = asked.topic_id;
    for (const auto partition : asked.partition_indexes) {
      const auto* offset = group == nullptr ? nullptr : group->offsets.find(asked.name, partition);
      // Of a topic of the same name that is no more.
      if (offset != nullptr && !asked.topic_id.is_zero() && !offset->topic_id.is_zero() &&
          offset->topic_id != asked.topic_id) {
        offset = nullptr;
      }
      add(topic, partition, offset);
    }
  }
  return fetched;
}

Decision<OffsetDeleteResponse> GroupShard::delete_offsets(const OffsetDeleteRequest& request) const {
  Decision<OffsetDeleteResponse> decision;
  const auto* group = find(request.group_id);
  if (group == nullptr) {
    decision.response.error_code = ErrorCode::group_id_not_found;
    return decision;
  }
  if (!group->classic.is_deserted() && !group->classic.is_consumer_group()) {
    decision.response.error_code = ErrorCode::non_empty_group;  // nobody can tell what its members read
    return decision;
  }
  for (const auto& topic : request.topics) {
    const bool subscribed = group->classic.is_subscribed_to(topic.name);
    auto& answers = decision.response.topics.emplace_back();
    answers.name = topic.name;
    for (const auto& partition : topic.partitions) {
      auto& answer = answers.partitions.emplace_back();
      answer.partition_index = partition.partition_index;
      answer.error_code = subscribed ? ErrorCode::group_subscribed_to_topic : ErrorCode::none;
      if (subscribed || group->offsets.find(topic.name, partition.partition_index) == nullptr) continue;
      decision.records.emplace_back(offset_tombstone(request.group_id, topic.name, partition.partition_index));
    }
  }
  return decision;
}

std::vector<GroupWrite> GroupShard::forget_topic(std::string_view topic, const Uuid& topic_id) const {
  std::vector<GroupWrite> writes;
  for (const auto& [id, group] : groups_) {
    std::vector<GroupRecord> records;
    const auto found = group.offsets.topics().find(topic);
    if (found == group.offsets.topics().end()) continue;
    for (const auto& [partition, offset] : found->second) {
      if (!offset.topic_id.is_zero() && offset.topic_id != topic_id) continue;
      records.emplace_back(offset_tombstone(id, found->first, partition));
    }
    if (!records.empty()) writes.push_back({.group = id, .records = std::move(records)});
  }
  return writes;
}

std::vector<GroupWrite> GroupShard::forget_expired(Now now) const {
  std::vector<GroupWrite> writes;
  for (const auto& [id, group] : groups_) {
    const auto& classic = group.classic;
    const bool empty = classic.state() == ClassicState::empty;
    Offsets::Expiry expiry{.now = now.wall, .retention = settings_->offsets_retention};
    if (empty && classic.stored() && classic.state_timestamp() != kNoTimestamp)
      expiry.since = classic.state_timestamp();
    // Of a group at work, what it reads no more; but only while it is certain what it reads.
    const bool known = classic.state() == ClassicState::stable && classic.is_consumer_group();
    expiry.keep = [&](std::string_view topic) { return !empty && (!known || classic.is_subscribed_to(topic)); };
    auto records = group.offsets.forget_expired(id, expiry);
    std::size_t offsets = 0;
    for (const auto& [topic, partitions] : group.offsets.topics()) offsets += partitions.size();
    const bool nothing_left = records.size() == offsets && classic.is_deserted() && empty && group.appends == 0;
    if (nothing_left && classic.stored()) records.emplace_back(GroupMetadataRecord{{.group = id}, std::nullopt});
    if (!records.empty()) writes.push_back({.group = id, .records = std::move(records)});
  }
  return writes;
}

}  // namespace sluice::broker::group

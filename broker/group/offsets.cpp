#include "broker/group/offsets.hpp"

namespace sluice::broker::group {

OffsetRecord offset_record(const std::string& group, const std::string& topic, PartitionId partition,
                           const CommittedOffset& offset) {
  OffsetRecord record = offset_tombstone(group, topic, partition);
  auto& value = record.value.emplace();
  value.offset = offset.offset;
  value.leader_epoch = offset.leader_epoch;
  value.metadata = offset.metadata;
  value.commit_timestamp = offset.commit_timestamp;
  value.expire_timestamp = offset.expire_timestamp;
  value.topic_id = offset.topic_id;
  return record;
}

OffsetRecord offset_tombstone(const std::string& group, const std::string& topic, PartitionId partition) {
  OffsetRecord record;
  record.key.group = group;
  record.key.topic = topic;
  record.key.partition = partition;
  return record;
}

void Offsets::replay(const OffsetRecordView& record) {
  auto topic = topics_.find(record.topic);
  if (record.value != nullptr) {
    if (topic == topics_.end()) topic = topics_.try_emplace(std::string{record.topic}).first;
    const auto& value = *record.value;
    topic->second.set(record.partition, {.offset = value.offset,
                                         .leader_epoch = value.leader_epoch,
                                         .metadata = value.metadata,
                                         .commit_timestamp = value.commit_timestamp,
                                         .expire_timestamp = value.expire_timestamp,
                                         .topic_id = value.topic_id});
    return;
  }
  if (topic == topics_.end()) return;
  topic->second.erase(record.partition);
  if (topic->second.empty()) topics_.erase(topic);
}

std::size_t Offsets::count() const noexcept {
  std::size_t count = 0;
  for (const auto& [topic, partitions] : topics_) count += partitions.size();
  return count;
}

std::optional<CommittedOffset> Offsets::find(std::string_view topic, PartitionId partition) const {
  const auto partitions = topics_.find(topic);
  if (partitions == topics_.end()) return std::nullopt;
  return partitions->second.find(partition);
}

bool Offsets::is_expired(const CommittedOffset& offset, const Expiry& expiry) {
  if (offset.expire_timestamp != kNoTimestamp) return expiry.now >= offset.expire_timestamp;
  const auto base = expiry.since.value_or(offset.commit_timestamp);
  return expiry.now - base >= expiry.retention.count();
}

std::vector<GroupRecord> Offsets::forget_expired(const std::string& group, const Expiry& expiry) const {
  std::vector<GroupRecord> tombstones;
  for (const auto& [topic, partitions] : topics_) {
    if (expiry.keep && expiry.keep(topic)) continue;
    for (const auto& [partition, offset] : partitions) {
      if (is_expired(offset, expiry)) tombstones.emplace_back(offset_tombstone(group, topic, partition));
    }
  }
  return tombstones;
}

std::vector<GroupRecord> Offsets::forget_all(const std::string& group) const {
  std::vector<GroupRecord> tombstones;
  for (const auto& [topic, partitions] : topics_) {
    for (const auto& [partition, offset] : partitions) {
      tombstones.emplace_back(offset_tombstone(group, topic, partition));
    }
  }
  return tombstones;
}

}  // namespace sluice::broker::group

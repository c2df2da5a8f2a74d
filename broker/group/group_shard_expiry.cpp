// GroupShard: what is forgotten without anybody asking.

#include <utility>

#include "broker/group/group_shard.hpp"

namespace sluice::broker::group {

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

std::vector<GroupWrite> GroupShard::forget_deleted_topics(const controller::MetadataImage& image) const {
  std::vector<GroupWrite> writes;
  for (const auto& [id, group] : groups_) {
    std::vector<GroupRecord> records;
    for (const auto& [name, partitions] : group.offsets.topics()) {
      const auto* topic = image.find_topic(name);
      for (const auto& [partition, offset] : partitions) {
        const bool is_kept = topic != nullptr && (offset.topic_id.is_zero() || offset.topic_id == topic->id);
        if (!is_kept) records.emplace_back(offset_tombstone(id, name, partition));
      }
    }
    if (!records.empty()) writes.push_back({.group = id, .records = std::move(records)});
  }
  return writes;
}

std::vector<GroupWrite> GroupShard::forget_expired(Now now) {
  std::vector<GroupWrite> writes;
  std::vector<std::string> ended;
  for (auto& [id, group] : groups_) {
    if (group.appends > 0) continue;  // a commit on its way would be buried under the tombstone of what it replaces
    auto records = group.offsets.forget_expired(id, group.expiry(now, settings_->offsets_retention));
    std::size_t offsets = 0;
    for (const auto& [topic, partitions] : group.offsets.topics()) offsets += partitions.size();
    bool ends = false;
    if (records.size() == offsets && group.is_deserted()) {
      auto more = group.core_tombstones(id);
      ends = group.consumer != nullptr;
      records.insert(records.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
    }
    if (ends) ended.push_back(id);
    if (!records.empty()) writes.push_back({.group = id, .records = std::move(records), .replayed = ends});
  }
  for (const auto& id : ended) end_consumer_group(id);
  return writes;
}

}  // namespace sluice::broker::group

#include "broker/group/partition_offsets.hpp"

#include <algorithm>

namespace sluice::broker::group {

std::size_t PartitionOffsets::lower_bound(PartitionId partition) const noexcept {
  if (entries_.empty() || entries_.back().partition < partition) return entries_.size();  // commits mostly ascend
  const auto found =
      std::lower_bound(entries_.begin(), entries_.end(), partition,
                       [](const Entry& entry, PartitionId searched) { return entry.partition < searched; });
  return static_cast<std::size_t>(found - entries_.begin());
}

PartitionOffsets::Item PartitionOffsets::item(std::size_t at) const {
  const auto& entry = entries_[at];
  Item item{entry.partition,
            {.offset = entry.offset,
             .leader_epoch = entry.leader_epoch,
             .commit_timestamp = Timestamp{entry.commit_timestamp},
             .topic_id = topic_id_}};
  if (entry.has_rest) {
    const auto& rest = rests_->at(entry.partition.value());
    item.second.metadata = rest.metadata;
    item.second.expire_timestamp = rest.expire_timestamp;
    item.second.topic_id = rest.topic_id;
  }
  return item;
}

std::optional<CommittedOffset> PartitionOffsets::find(PartitionId partition) const {
  const auto at = lower_bound(partition);
  if (!holds(at, partition)) return std::nullopt;
  return item(at).second;
}

PartitionOffsets::Entry& PartitionOffsets::find_or_make(PartitionId partition) {
  const auto at = lower_bound(partition);
  if (holds(at, partition)) return entries_[at];
  if (entries_.size() == entries_.capacity()) {
    entries_.reserve(entries_.size() + entries_.size() / 8 + 1);  // by doubling, a third would lie idle
  }
  Entry fresh{};
  fresh.partition = partition;
  return *entries_.insert(entries_.begin() + static_cast<std::ptrdiff_t>(at), fresh);
}

void PartitionOffsets::set(PartitionId partition, const CommittedOffset& offset) {
  if (entries_.empty()) topic_id_ = offset.topic_id;
  const bool had_rest = rests_ != nullptr;
  auto& entry = find_or_make(partition);
  entry.offset = offset.offset;
  entry.leader_epoch = offset.leader_epoch;
  entry.commit_timestamp = offset.commit_timestamp.value();
  entry.has_rest = !offset.metadata.empty() || offset.expire_timestamp != kNoTimestamp || offset.topic_id != topic_id_;
  if (entry.has_rest) {
    if (!had_rest) rests_ = std::make_unique<Rests>();
    (*rests_)[partition.value()] = {offset.metadata, offset.expire_timestamp, offset.topic_id};
  } else if (had_rest) {
    rests_->erase(partition.value());
  }
}

void PartitionOffsets::erase(PartitionId partition) {
  const auto at = lower_bound(partition);
  if (!holds(at, partition)) return;
  if (entries_[at].has_rest) rests_->erase(partition.value());
  entries_.erase(entries_.begin() + static_cast<std::ptrdiff_t>(at));
}

bool PartitionOffsets::operator==(const PartitionOffsets& other) const {
  if (size() != other.size()) return false;
  for (std::size_t i = 0; i < size(); ++i) {
    if (item(i) != other.item(i)) return false;
  }
  return true;
}

}  // namespace sluice::broker::group

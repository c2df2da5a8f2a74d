#include "storage/epoch/leader_epoch_cache.hpp"

#include <algorithm>

namespace sluice::storage {

LeaderEpochCache::LeaderEpochCache(const std::vector<EpochStart>& entries) {
  for (const auto& entry : entries) assign(entry.leader_epoch, entry.start_offset);
}

bool LeaderEpochCache::assign(LeaderEpoch leader_epoch, Offset start_offset) {
  if (leader_epoch.value() < 0 || start_offset.value() < 0) return false;
  if (!entries_.empty() && entries_.back().leader_epoch == leader_epoch && entries_.back().start_offset <= start_offset)
    return false;
  std::erase_if(entries_, [&](const EpochStart& entry) {
    return entry.leader_epoch >= leader_epoch || entry.start_offset >= start_offset;
  });
  entries_.push_back({leader_epoch, start_offset});
  return true;
}

bool LeaderEpochCache::truncate_from_end(Offset end_offset) {
  return std::erase_if(entries_, [&](const EpochStart& entry) { return entry.start_offset >= end_offset; }) > 0;
}

bool LeaderEpochCache::truncate_from_start(Offset start_offset) {
  const auto after = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const EpochStart& entry) { return entry.start_offset > start_offset; });
  if (after == entries_.begin()) return false;
  const auto holder = std::prev(after);
  if (holder == entries_.begin() && holder->start_offset == start_offset) return false;
  holder->start_offset = start_offset;
  entries_.erase(entries_.begin(), holder);
  return true;
}

bool LeaderEpochCache::clear() {
  const bool changed = !entries_.empty();
  entries_.clear();
  return changed;
}

EpochEnd LeaderEpochCache::end_of(LeaderEpoch leader_epoch, Offset log_end_offset) const {
  if (leader_epoch.value() < 0 || entries_.empty() || leader_epoch > latest()) return {};
  if (leader_epoch == latest()) return {leader_epoch, log_end_offset};
  const auto later = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const EpochStart& entry) { return entry.leader_epoch > leader_epoch; });
  if (later == entries_.begin()) return {leader_epoch, later->start_offset};
  return {std::prev(later)->leader_epoch, later->start_offset};
}

LeaderEpoch LeaderEpochCache::epoch_at(Offset offset) const {
  const auto after = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const EpochStart& entry) { return entry.start_offset > offset; });
  return after == entries_.begin() ? kNoLeaderEpoch : std::prev(after)->leader_epoch;
}

}  // namespace sluice::storage

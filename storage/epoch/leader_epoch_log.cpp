#include "storage/epoch/leader_epoch_log.hpp"

namespace sluice::storage {

LeaderEpochLog::LeaderEpochLog(FileSystem& fs, std::string directory)
    : fs_(fs), path_(join_path(directory, kLeaderEpochCheckpoint)) {}

Result<> LeaderEpochLog::load() {
  const auto entries = read_leader_epoch_checkpoint(fs_, path_);
  if (!entries) return entries.error();
  cache_ = LeaderEpochCache{*entries};
  return {};
}

// Only the writer changes the cache, so it may read it without the lock.
template <class Change>
Result<> LeaderEpochLog::change(Change apply) {
  auto changed = cache_;
  if (!apply(changed) && !unwritten_) return {};
  if (const auto written = write_leader_epoch_checkpoint(fs_, path_, changed.entries()); !written)
    return written.error();
  unwritten_ = false;
  const std::lock_guard lock{mutex_};
  cache_ = std::move(changed);
  return {};
}

Result<> LeaderEpochLog::assign(LeaderEpoch leader_epoch, Offset start_offset) {
  if (leader_epoch <= cache_.latest() && !unwritten_) return {};
  return change([&](LeaderEpochCache& cache) { return cache.assign(leader_epoch, start_offset); });
}

void LeaderEpochLog::note(LeaderEpoch leader_epoch, Offset start_offset) {
  auto changed = cache_;
  if (!changed.assign(leader_epoch, start_offset)) return;
  unwritten_ = true;
  const std::lock_guard lock{mutex_};
  cache_ = std::move(changed);
}

Result<> LeaderEpochLog::truncate_from_end(Offset end_offset) {
  return change([&](LeaderEpochCache& cache) { return cache.truncate_from_end(end_offset); });
}

Result<> LeaderEpochLog::truncate_from_start(Offset start_offset) {
  return change([&](LeaderEpochCache& cache) { return cache.truncate_from_start(start_offset); });
}

Result<> LeaderEpochLog::clear() {
  return change([](LeaderEpochCache& cache) { return cache.clear(); });
}

Result<> LeaderEpochLog::reconcile(const std::vector<EpochStart>& scanned, Offset start_offset, Offset end_offset) {
  return change([&](LeaderEpochCache& cache) {
    bool changed = cache.truncate_from_end(end_offset);
    for (const auto& entry : scanned) {
      if (entry.leader_epoch > cache.latest() && cache.assign(entry.leader_epoch, entry.start_offset)) changed = true;
    }
    return cache.truncate_from_start(start_offset) || changed;
  });
}

LeaderEpoch LeaderEpochLog::latest() const {
  const std::lock_guard lock{mutex_};
  return cache_.latest();
}

EpochEnd LeaderEpochLog::end_of(LeaderEpoch leader_epoch, Offset log_end_offset) const {
  const std::lock_guard lock{mutex_};
  return cache_.end_of(leader_epoch, log_end_offset);
}

LeaderEpoch LeaderEpochLog::epoch_at(Offset offset) const {
  const std::lock_guard lock{mutex_};
  return cache_.epoch_at(offset);
}

std::vector<EpochStart> LeaderEpochLog::entries() const {
  const std::lock_guard lock{mutex_};
  return cache_.entries();
}

}  // namespace sluice::storage

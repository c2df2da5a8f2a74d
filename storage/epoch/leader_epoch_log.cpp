#include "storage/epoch/leader_epoch_log.hpp"

namespace sluice::storage {

LeaderEpochLog::LeaderEpochLog(FileSystem& fs, std::string directory)
    : fs_(fs), path_(join_path(directory, kLeaderEpochCheckpoint)) {}

Result<> LeaderEpochLog::load() {
  if (in_memory_) return std::make_error_code(std::errc::no_such_file_or_directory);
  const auto entries = read_leader_epoch_checkpoint(fs_, path_);
  if (!entries) return entries.error();
  cache_ = LeaderEpochCache{*entries};
  written_ = cache_.latest();
  return {};
}

// Only the writer changes the cache, so it may read it without the lock.
template <class Change>
Result<> LeaderEpochLog::change(Change apply) {
  auto changed = cache_;
  if (!apply(changed)) return {};
  const std::lock_guard file_lock{file_mutex_};
  if (!in_memory_) {
    const auto written = write_leader_epoch_checkpoint(fs_, path_, changed.entries());
    if (!written) return written.error();
  }
  const std::lock_guard lock{mutex_};
  cache_ = std::move(changed);
  written_ = cache_.latest();
  return {};
}

void LeaderEpochLog::note(LeaderEpoch leader_epoch, Offset start_offset) {
  if (leader_epoch <= cache_.latest()) return;
  const std::lock_guard lock{mutex_};
  cache_.assign(leader_epoch, start_offset);
}

// An epoch that has no batch yet is lost by every recovery: a log without records, of which there may be very many,
// needs no file. Those before it that have some are written all the same: what is synced is not scanned again.
Result<> LeaderEpochLog::write_noted(Offset log_end_offset) {
  if (in_memory_) return {};
  const std::lock_guard file_lock{file_mutex_};
  std::vector<EpochStart> noted;
  {
    const std::lock_guard lock{mutex_};
    const auto& entries = cache_.entries();
    auto count = entries.size();
    while (count > 0 && entries[count - 1].start_offset >= log_end_offset) --count;
    if (count == 0 || entries[count - 1].leader_epoch <= written_) return {};
    noted.assign(entries.begin(), entries.begin() + static_cast<std::ptrdiff_t>(count));
  }
  const auto written = write_leader_epoch_checkpoint(fs_, path_, noted);
  if (written) {
    const std::lock_guard lock{mutex_};
    written_ = noted.back().leader_epoch;
  }
  return written;
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

// What the file says too much goes from it at once: batches of a later epoch would contradict it. What it lacks can be
// found again.
Result<> LeaderEpochLog::reconcile(const std::vector<EpochStart>& scanned, Offset start_offset, Offset end_offset) {
  const auto cut = change([&](LeaderEpochCache& cache) {
    const bool from_end = cache.truncate_from_end(end_offset);
    return cache.truncate_from_start(start_offset) || from_end;
  });
  if (!cut) return cut.error();
  for (const auto& entry : scanned) note(entry.leader_epoch, std::max(entry.start_offset, start_offset));
  return {};
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

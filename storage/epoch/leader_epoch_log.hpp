#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "protocol/base/result.hpp"
#include "storage/checkpoint/leader_epoch_checkpoint.hpp"
#include "storage/epoch/leader_epoch_cache.hpp"
#include "storage/fs/file_system.hpp"

namespace sluice::storage {

/// A log's leader epochs with their `leader-epoch-checkpoint`. What is only noted gets into the file with the next sync
/// of the log: until then its batches, which a recovery scans, tell.
///
/// Threading: one writer at a time (the log's append mutex), one write_noted() beside it; any number of readers, which
/// never wait for the file.
class LeaderEpochLog {
 public:
  LeaderEpochLog(FileSystem& fs, std::string directory);

  /// From here on there is no checkpoint, neither read nor written.
  void keep_in_memory() { in_memory_ = true; }
  /// Errors: ENOENT when there is no checkpoint, corrupt_checkpoint; then it is rebuilt from the log.
  Result<> load();

  /// `leader_epoch` begins at `start_offset`, unless it or a later one is known already.
  void note(LeaderEpoch leader_epoch, Offset start_offset);
  /// Writes what was noted of the epochs that have a batch. Durable when it returns.
  Result<> write_noted(Offset log_end_offset);
  Result<> truncate_from_end(Offset end_offset);
  Result<> truncate_from_start(Offset start_offset);
  Result<> clear();
  /// After recovery: the log ends at `end_offset`, its scanned part had `scanned`.
  Result<> reconcile(const std::vector<EpochStart>& scanned, Offset start_offset, Offset end_offset);

  /// The log is in another directory now, with its checkpoint as it is. The writer's.
  void move_to(std::string_view directory) { path_ = join_path(directory, kLeaderEpochCheckpoint); }

  LeaderEpoch latest() const;
  EpochEnd end_of(LeaderEpoch leader_epoch, Offset log_end_offset) const;
  LeaderEpoch epoch_at(Offset offset) const;
  std::vector<EpochStart> entries() const;

 private:
  template <class Change>
  Result<> change(Change apply);

  FileSystem& fs_;
  std::string path_;
  std::mutex file_mutex_;     // one write of the file at a time
  mutable std::mutex mutex_;  // guards both below, never held during I/O
  LeaderEpochCache cache_;
  LeaderEpoch written_ = kNoLeaderEpoch;  // the latest that is in the file
  bool in_memory_ = false;
};

}  // namespace sluice::storage

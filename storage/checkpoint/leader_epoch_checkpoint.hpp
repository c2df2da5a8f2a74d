#pragma once

#include <compare>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/ids.hpp"
#include "protocol/base/result.hpp"
#include "storage/fs/file_system.hpp"

namespace sluice::storage {

inline constexpr std::string_view kLeaderEpochCheckpoint = "leader-epoch-checkpoint";

/// Where a leader epoch begins in a log (KIP-101).
struct EpochStart {
  LeaderEpoch leader_epoch;
  Offset start_offset;

  friend auto operator<=>(const EpochStart&, const EpochStart&) = default;
};

/// A partition's epochs in the order of the file, lines of "epoch startOffset". Whether they ascend is for the
/// reader of the epochs to judge. Errors: Errc::corrupt_checkpoint, also for a negative number; ENOENT.
Result<std::vector<EpochStart>> read_leader_epoch_checkpoint(FileSystem& fs, const std::string& path);
Result<> write_leader_epoch_checkpoint(FileSystem& fs, const std::string& path, const std::vector<EpochStart>& epochs);

}  // namespace sluice::storage

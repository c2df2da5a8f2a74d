#pragma once

#include <map>
#include <string>
#include <string_view>

#include "protocol/base/ids.hpp"
#include "protocol/base/result.hpp"
#include "protocol/base/topic_partition.hpp"
#include "storage/fs/file_system.hpp"

namespace sluice::storage {

inline constexpr std::string_view kRecoveryPointCheckpoint = "recovery-point-offset-checkpoint";
inline constexpr std::string_view kHighWatermarkCheckpoint = "replication-offset-checkpoint";
inline constexpr std::string_view kLogStartCheckpoint = "log-start-offset-checkpoint";
inline constexpr std::string_view kCleanerCheckpoint = "cleaner-offset-checkpoint";

/// An offset for each partition of a data directory; in its checkpoint file, lines of "topic partition offset".
using OffsetCheckpoint = std::map<TopicPartition, Offset>;

/// Errors: Errc::corrupt_checkpoint, also for a negative number or a partition that appears twice; ENOENT.
Result<OffsetCheckpoint> read_offset_checkpoint(FileSystem& fs, const std::string& path);
Result<> write_offset_checkpoint(FileSystem& fs, const std::string& path, const OffsetCheckpoint& offsets);

}  // namespace sluice::storage

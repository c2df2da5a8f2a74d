#pragma once

#include <string>
#include <string_view>

#include "protocol/base/result.hpp"
#include "protocol/base/uuid.hpp"
#include "storage/fs/file_system.hpp"

namespace sluice::storage {

inline constexpr std::string_view kPartitionMetadataFile = "partition.metadata";

/// Which topic a partition's directory belongs to, so that one of the same name made later is not taken for it
/// (KIP-516). On disk: the lines "version: 0" and "topic_id: <22 characters>"; Kafka ends the latter without a
/// line feed, and so do we.
struct PartitionMetadata {
  Uuid topic_id;
};

/// Errors: Errc::corrupt_checkpoint, also for the zero id; ENOENT.
Result<PartitionMetadata> read_partition_metadata(FileSystem& fs, const std::string& path);
/// Not synced, as whoever makes a log makes many files. Pre: the id is not zero.
Result<> write_partition_metadata(FileSystem& fs, const std::string& path, const PartitionMetadata& metadata);

}  // namespace sluice::storage

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "protocol/base/ids.hpp"
#include "protocol/base/result.hpp"
#include "protocol/base/uuid.hpp"
#include "storage/checkpoint/directory_lock.hpp"
#include "storage/checkpoint/meta_properties.hpp"
#include "storage/checkpoint/offset_checkpoint.hpp"
#include "storage/fs/file_system.hpp"

namespace sluice::storage {

/// One entry of `log.dirs`: a directory that belongs to one broker of one cluster, with its lock, its owner's marks,
/// its checkpoints, and one subdirectory a partition.
class DataDirectory {
 public:
  /// Makes the directory if it is not there, locks it, and reads what it says about its owner. Checks nothing yet.
  /// Errors: directory_locked; of the system; corrupt_checkpoint where meta.properties is damaged.
  static Result<DataDirectory> open(FileSystem& fs, std::string path, bool lock);
  static Result<DataDirectory> open(FileSystem& fs, std::string path) {
    return open(fs, std::move(path), &fs == &posix_file_system());
  }
  /// One that can't be opened: it has a path and nothing else, and nothing else of it may be used.
  static DataDirectory unusable(FileSystem& fs, std::string path) { return {fs, std::move(path), std::nullopt}; }

  const std::string& path() const noexcept { return path_; }
  /// nullopt: never used before.
  const std::optional<MetaProperties>& meta() const noexcept { return meta_; }
  /// Durable when it returns.
  Result<> claim(const MetaProperties& meta);
  /// Of a directory that is claimed for a cluster whose id was not known. Durable when it returns. The ids of node and
  /// directory may be read meanwhile.
  Result<> adopt(const std::string& cluster_id);

  /// Whether the last process closed every log; the mark is taken away at once, so that a crash from here on shows.
  Result<bool> take_clean_shutdown();
  Result<> leave_clean_shutdown();

  /// Empty where the file is missing. Errors: Errc::corrupt_checkpoint; of the system.
  Result<OffsetCheckpoint> read_checkpoint(std::string_view file) const;
  Result<> write_checkpoint(std::string_view file, const OffsetCheckpoint& offsets);

  struct PartitionDirectory {
    TopicPartition partition;
    std::string path;
  };
  /// Subdirectories named `<topic>-<n>`, and those on their way to be deleted.
  Result<std::vector<PartitionDirectory>> partitions() const;
  Result<std::vector<std::string>> retired() const;
  /// Copies that were being made (`future_name`).
  Result<std::vector<PartitionDirectory>> futures() const;

  std::string path_of(const TopicPartition& partition) const { return join_path(path_, partition.to_string()); }

 private:
  DataDirectory(FileSystem& fs, std::string path, std::optional<DirectoryLock> lock)
      : fs_(&fs), path_(std::move(path)), lock_(std::move(lock)) {}

  FileSystem* fs_;
  std::string path_;
  std::optional<DirectoryLock> lock_;  // nothing to lock in memory
  std::optional<MetaProperties> meta_;
};

/// `<topic>-<n>.<32 hex digits>-delete`, Kafka's name for a partition whose files are to go.
std::string retired_name(const TopicPartition& partition);

/// `<topic>-<n>.<32 hex digits>-future`, Kafka's name for a copy on its way to take the place of the original.
std::string future_name(const TopicPartition& partition);

/// `<topic>-<n>.<32 hex digits>-stray`, Kafka's name for a partition that no metadata knows.
std::string stray_name(const TopicPartition& partition);

}  // namespace sluice::storage

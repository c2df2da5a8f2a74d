#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "protocol/base/bytes.hpp"
#include "protocol/base/result.hpp"
#include "storage/fs/file_system.hpp"

namespace sluice::storage {

/// One `.log` file, opened on first use. Slices share it, so that it stays readable past its deletion.
///
/// Threading: any number of readers beside one writer.
class SegmentFile {
 public:
  SegmentFile(FileSystem& fs, std::string path) : fs_(fs), path_(std::move(path)) {}

  /// Opens the file if it is not open yet. The pointer lasts as long as this does.
  Result<File*> open() const;

  /// All of `into`, or corrupt_batch when the file ends before.
  Result<> read(std::uint64_t position, MutableBytes into) const;

  /// -1 unless open and backed by a descriptor.
  int descriptor() const noexcept;

  void close() noexcept;  ///< only while nobody reads
  const std::string& path() const noexcept { return path_; }

 private:
  FileSystem& fs_;
  std::string path_;
  mutable std::mutex mutex_;  // guards opening
  mutable std::unique_ptr<File> file_;
  mutable std::atomic<File*> opened_{nullptr};
};

}  // namespace sluice::storage

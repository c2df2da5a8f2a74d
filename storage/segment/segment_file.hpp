#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "protocol/base/bytes.hpp"
#include "protocol/base/result.hpp"
#include "storage/fs/file_system.hpp"

namespace sluice::storage {

/// One `.log` file, opened on first use and closed when it gets cold. Whoever has opened it keeps it readable, past
/// its closing and its deletion.
///
/// Threading: any number of readers beside one writer.
class SegmentFile {
 public:
  SegmentFile(FileSystem& fs, std::string path) : fs_(fs), path_(std::move(path)) {}

  Result<std::shared_ptr<File>> open() const;

  /// All of `into`, or corrupt_batch when the file ends before. Errors: not_cached, in that mode.
  Result<> read(std::uint64_t position, MutableBytes into, ReadMode mode = ReadMode::may_wait) const;
  bool is_open() const noexcept;

  void read_ahead(std::uint64_t position, std::uint64_t size) const noexcept;  ///< a hint

  void close() noexcept;
  /// Those who open it later find it under its new name.
  Result<> rename_to(std::string path);
  std::string path() const;

 private:
  FileSystem& fs_;
  mutable std::mutex mutex_;  // of both below
  std::string path_;
  mutable std::shared_ptr<File> file_;
};

}  // namespace sluice::storage

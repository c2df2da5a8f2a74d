#pragma once

#include <memory>
#include <string>
#include <vector>

#include "storage/data_directory/directory_health.hpp"
#include "storage/fs/file_system.hpp"

namespace sluice::storage {

/// A file system that learns from every call how the disks of the data directories are: an error that tells of a broken
/// disk fails the directory that the file is in, and from then on changes there are refused (directory_offline); what
/// is written counts against its space. Paths outside the watched directories pass through.
///
/// Threading: `watch` before the first file is opened; the rest from any thread.
class WatchedFileSystem final : public FileSystem {
 public:
  explicit WatchedFileSystem(FileSystem& files) : files_(files) {}

  /// Everything at or below its path. The health outlives this and all its files.
  void watch(DirectoryHealth& health) { watched_.push_back(&health); }
  /// Of the directory that `path` is in; null when it is in none.
  DirectoryHealth* find(std::string_view path) const noexcept;

  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override;
  Result<bool> exists(const std::string& path) override;
  Result<std::vector<DirectoryEntry>> list(const std::string& directory) override;
  Result<> create_directories(const std::string& path) override;
  Result<> rename(const std::string& from, const std::string& to) override;
  Result<> remove(const std::string& path) override;
  Result<> remove_all(const std::string& directory) override;
  Result<> sync_directory(const std::string& path) override;
  Result<> sync_file_system(const std::string& path) override;
  Result<Space> space(const std::string& path) override;

 private:
  template <class Call>
  auto change(const std::string& path, Call call) -> decltype(call());
  template <class Call>
  auto look(const std::string& path, Call call) -> decltype(call());

  FileSystem& files_;
  std::vector<DirectoryHealth*> watched_;  // a handful
};

}  // namespace sluice::storage

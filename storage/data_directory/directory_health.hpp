#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <system_error>

#include "storage/data_directory/directory_space.hpp"

namespace sluice::storage {

/// Whether one data directory can still be used: it fails once, for good, and its logs with it, and runs out of space
/// and has some again. Logs and files look at it on every call, so that a failed disk takes nothing more from the
/// moment one of its calls failed.
///
/// Threading: any. Outlives the logs and files of its directory.
class DirectoryHealth {
 public:
  /// Called once, by the thread whose call failed, with whatever locks that holds: may only schedule work.
  using OnFailure = std::function<void(DirectoryHealth&)>;

  explicit DirectoryHealth(std::string path) : path_(std::move(path)) {}
  DirectoryHealth(const DirectoryHealth&) = delete;
  DirectoryHealth& operator=(const DirectoryHealth&) = delete;

  const std::string& path() const noexcept { return path_; }
  bool has_failed() const noexcept { return failed_.load(std::memory_order_acquire); }
  /// What it failed with; none while it is sound.
  std::error_code error() const noexcept;

  /// The first call decides what is remembered; later ones change nothing.
  void fail(std::error_code reason);
  /// Before other threads use the directory.
  void on_failure(OnFailure listener) { on_failure_ = std::move(listener); }

  DirectorySpace& space() noexcept { return space_; }
  const DirectorySpace& space() const noexcept { return space_; }

 private:
  const std::string path_;
  OnFailure on_failure_;
  DirectorySpace space_;
  std::atomic<int> claimed_{0};  // the errno of whoever failed first
  std::atomic<bool> failed_{false};
  const std::error_category* category_ = nullptr;  // written before failed_
};

enum class DiskCall { read, change };

/// Whether `error` tells of a device or file system that is broken or gone, rather than of one file, of a full disk or
/// of this process. A block that can't be read is the loss of that block alone.
bool is_disk_failure(DiskCall call, std::error_code error) noexcept;
bool is_out_of_space(std::error_code error) noexcept;

}  // namespace sluice::storage

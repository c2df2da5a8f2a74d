#pragma once

#include <string>
#include <string_view>

#include "protocol/base/result.hpp"
#include "storage/fs/posix_file.hpp"

namespace sluice::storage {

inline constexpr std::string_view kDirectoryLockFile = ".lock";

/// Keeps other processes off a data directory for as long as it lives: flock of `<directory>/.lock`, which the
/// system drops however the process ends. The file stays, so that two never lock different files of that name.
class DirectoryLock {
 public:
  /// Errors: Errc::directory_locked if another process, or another lock of this one, holds it; the system's.
  static Result<DirectoryLock> acquire(const std::string& directory);

 private:
  explicit DirectoryLock(Descriptor descriptor) noexcept : descriptor_(std::move(descriptor)) {}

  Descriptor descriptor_;
};

}  // namespace sluice::storage

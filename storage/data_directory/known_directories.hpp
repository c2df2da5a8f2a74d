#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/result.hpp"
#include "protocol/base/uuid.hpp"
#include "storage/fs/file_system.hpp"

namespace sluice::storage {

inline constexpr std::string_view kKnownDirectoriesFile = "sluice-directories";

/// A data directory that this broker has used.
struct KnownDirectory {
  Uuid id;
  std::string path;
  friend bool operator==(const KnownDirectory&, const KnownDirectory&) = default;
};

/// What a data directory remembers of all directories that were in use together, itself included. A disk that is not
/// mounted shows as an empty directory, or not at all: only the others know that there was more.
///
/// On disk: a checkpoint with a line `<id> <path>` each. Empty where there is no such file.
/// Errors: Errc::corrupt_checkpoint; of the system.
Result<std::vector<KnownDirectory>> read_known_directories(FileSystem& fs, const std::string& directory);
/// Pre: no path has a line feed.
Result<> write_known_directories(FileSystem& fs, const std::string& directory,
                                 const std::vector<KnownDirectory>& known);

}  // namespace sluice::storage

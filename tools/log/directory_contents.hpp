#pragma once

#include <string>
#include <vector>

#include "storage/fs/file_system.hpp"
#include "tools/cli/failure.hpp"

namespace sluice::tools {

/// What a path holds for the log commands.
struct DirectoryContents {
  std::vector<std::string> partitions;   ///< their directories; the path itself where it is one
  std::vector<std::string> state_files;  ///< of a data directory
};

/// A partition's directory, or a data directory. Fails for what is neither.
Outcome<DirectoryContents> look_into(storage::FileSystem& fs, const std::string& directory);

}  // namespace sluice::tools

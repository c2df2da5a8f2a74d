#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "storage/fs/file_system.hpp"
#include "tools/cli/failure.hpp"

namespace sluice::tools {

/// What became of one index file.
struct RebuiltIndex {
  std::string file;
  std::uint64_t entries_before = 0;
  std::uint64_t entries = 0;
  bool was_missing = false;
  bool changed = false;             ///< else it was as it should be, and was not touched
  std::uint64_t damaged_bytes = 0;  ///< of the `.log` file: they have no entries
};

struct RebuildOptions {
  std::uint32_t index_interval_bytes = 4096;  ///< as the topic's index.interval.bytes
};

/// Makes the offset and time indexes of a partition's directory, or of all in a data directory, anew from the `.log`
/// files. Each file that would change is replaced at once, by a rename. Nobody else may use the directory: the caller
/// holds its lock.
Outcome<> rebuild_indexes(storage::FileSystem& fs, const std::string& directory, const RebuildOptions& options,
                          const std::function<void(const RebuiltIndex&)>& on_file,
                          const std::function<void(std::uint64_t)>& on_bytes);

}  // namespace sluice::tools

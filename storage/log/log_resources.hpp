#pragma once

#include <functional>
#include <string>

#include "storage/fs/deferred_removals.hpp"
#include "storage/fs/file_system.hpp"
#include "storage/integrity/damage.hpp"
#include "storage/segment/open_segments.hpp"

namespace sluice::storage {

/// What the logs of a process share. Outlives them.
struct LogResources {
  explicit LogResources(FileSystem& files, std::size_t open_segments_max = OpenSegments::kDefaultMax)
      : fs(files), open_segments(open_segments_max) {}
  LogResources(const LogResources&) = delete;
  LogResources& operator=(const LogResources&) = delete;

  FileSystem& fs;
  /// Called once for each range of a log's file that turns out to be damaged, on whichever thread found it. Set before
  /// the first log is opened.
  std::function<void(const std::string& log_directory, const DamagedRange&)> on_damage;
  OpenSegments open_segments;
  DeferredRemovals removals;  ///< segments that were deleted; whoever owns this has them removed when they are due
};

}  // namespace sluice::storage

#pragma once

#include "storage/fs/file_system.hpp"

namespace sluice::storage {

/// What the logs of a process share. Outlives them.
struct LogResources {
  explicit LogResources(FileSystem& files) : fs(files) {}
  LogResources(const LogResources&) = delete;
  LogResources& operator=(const LogResources&) = delete;

  FileSystem& fs;
};

}  // namespace sluice::storage

#pragma once

#include <cstdint>
#include <string>

#include "storage/fs/file_system.hpp"
#include "storage/wal/unit_table.hpp"

namespace sluice::storage::wal {

/// What the files of one physical log say, read from the first byte to the last.
struct Replayed {
  UnitTable units;
  Offset end_offset{0};   ///< past the last sound batch
  Offset durable_end{0};  ///< <= end_offset: what lies below was synced, the batches themselves tell
  std::uint64_t bytes = 0;
  bool ends_synced = false;  ///< the last batch tells that all before it was synced
  bool torn = false;         ///< something unsound follows
};

/// Reads all batches, checks each, replays the units. Stops where they end or become unsound.
/// Errors: Errc::corrupt when a sound batch past that point tells that it had been durable; the file system's.
Result<Replayed> replay_log(FileSystem& fs, const std::string& directory);

}  // namespace sluice::storage::wal

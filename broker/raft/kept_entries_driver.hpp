#pragma once

#include <string>
#include <vector>

#include "broker/raft/raft_types.hpp"
#include "protocol/base/result.hpp"
#include "storage/fs/file_system.hpp"

namespace sluice::broker::raft {

/// Entries that must survive while the batch they were in is cut off the log: `kept-entries`, beside it.
///
/// u32 CRC-32C of the rest; then repeated { u32 length; Entry as Protobuf }. Big endian. Durable when written, and gone
/// for good when removed.
///
/// Empty when there are none. Errors: bad_message where the file is damaged; the file system's.
Result<std::vector<Entry>> read_kept_entries(storage::FileSystem& fs, const std::string& directory);
Result<> write_kept_entries(storage::FileSystem& fs, const std::string& directory, const std::vector<Entry>& entries);
Result<> remove_kept_entries(storage::FileSystem& fs, const std::string& directory);

}  // namespace sluice::broker::raft

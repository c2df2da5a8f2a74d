#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "broker/raft/raft_types.hpp"
#include "protocol/base/result.hpp"
#include "storage/fs/file_system.hpp"
#include "storage/log/log.hpp"

namespace sluice::broker::raft {

/// That a metadata log was closed with everything synced, and what it looked like then: `closed-at`, beside it. Whoever
/// opens it so need not rebuild its indexes and sync it before it is relied on.
///
/// Taken away when the log is opened, so that it never speaks for what a process has written since. Neither is synced:
/// without the file the log is looked at as after a crash; where it is back after a power failure, memory holds nothing
/// that the disk does not, and a log that does not look as it says is not taken for closed.
///
/// u32 CRC-32C of the rest; i64 last index; i64 its term; u64 sizes of the last segment's .log, .index and .timeindex.
/// Big endian.
struct LogSeal {
  LogIndex last;
  Term term;
  std::array<std::uint64_t, 3> sizes{};
  friend bool operator==(const LogSeal&, const LogSeal&) = default;
};

/// nullopt: there is none, or none that can be read.
std::optional<LogSeal> take_log_seal(storage::FileSystem& fs, const std::string& directory);
Result<> write_log_seal(storage::FileSystem& fs, const std::string& directory, const LogSeal& seal);
/// Sizes of the files of the log's last segment.
Result<std::array<std::uint64_t, 3>> sizes_of_last_segment(storage::FileSystem& fs, const std::string& directory);

}  // namespace sluice::broker::raft

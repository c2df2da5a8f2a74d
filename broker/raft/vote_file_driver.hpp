#pragma once

#include <optional>
#include <string>

#include "broker/raft/raft_types.hpp"
#include "protocol/base/result.hpp"
#include "storage/fs/file_system.hpp"

namespace sluice::broker::raft {

/// What a server may never forget.
struct Votes {
  ReplicaKey self;  ///< whose votes these are: a directory that was copied from elsewhere is noticed
  HardState state;
  /// Whether its log ever named it a voter: only then may others rely on what it holds.
  bool has_been_voter = false;
  friend bool operator==(const Votes&, const Votes&) = default;
};

inline constexpr std::string_view kVoteFile = "quorum-state";

/// The file of the votes: u32 CRC-32C of the rest; u8 version; u8 has_been_voter; i32 node; 16 bytes directory;
/// HardState as Protobuf. Big endian, written whole and atomically, durable when `write` returns.
///
/// nullopt: there is none. Errors: bad_message where it is damaged; the file system's.
Result<std::optional<Votes>> read_votes(storage::FileSystem& fs, const std::string& directory);
Result<> write_votes(storage::FileSystem& fs, const std::string& directory, const Votes& votes);

}  // namespace sluice::broker::raft

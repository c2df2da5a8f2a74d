#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/raft/ready.hpp"
#include "protocol/base/result.hpp"
#include "storage/fs/file_system.hpp"

namespace sluice::broker::raft {

/// The snapshots of one server, in a directory of their own.
///
///   <index, 20 digits>-<term, 10 digits>.snapshot     whole, and what the log behind it relies on
///                                       .installing   whole, came from the leader; the log does not begin behind it
///                                       yet .damaged      put aside
///   incoming.part                                     on its way in, of no use after a restart
///
/// A file: 8 bytes magic; u32 length and u32 CRC-32C of the header; the header, SnapshotMeta as Protobuf; then the
/// bytes that the header names: the state, compressed (zstd). These bytes travel as they are. Big endian. A file gets
/// its name when it is durable.
///
/// Threading: those that change something from one thread at a time, but `write`, which may run beside all others.
/// Errors: bad_message where a file is not what it says; the file system's.
class SnapshotStore {
 public:
  /// Removes what a crash left half done. The directory is made with the first snapshot.
  static Result<SnapshotStore> open(storage::FileSystem& fs, std::string directory);

  struct Found {
    SnapshotMeta meta;
    bool is_installing = false;
  };
  /// Whole and sound ones, newest first. Those that are damaged are renamed, with a log line each.
  Result<std::vector<Found>> find_all();

  /// Compresses and writes `state`; gives `meta` with size and checksum. Durable when it returns.
  Result<SnapshotMeta> write(SnapshotMeta meta, std::string_view state) const;
  /// The state that a snapshot holds.
  Result<std::string> load(const SnapshotMeta& meta) const;
  /// nullopt: no such snapshot is kept, or it can't be read.
  std::optional<std::string> read(const SnapshotMeta& meta, std::int64_t offset, std::size_t bytes_max) const;

  /// Writes a piece of an incoming one, durable when it returns.
  Result<> take_part(const SnapshotPart& part);
  /// Whether what came in is what its name says; it is thrown away when not.
  Result<bool> check_incoming(const SnapshotMeta& meta);
  /// From here on it will be installed, also after a crash.
  Result<> begin_install(const SnapshotMeta& meta);
  Result<> end_install(const SnapshotMeta& meta);

  /// Removes all up to `newest` but the last `kept`.
  Result<> remove_old(const SnapshotMeta& newest, int kept);

 private:
  SnapshotStore(storage::FileSystem& fs, std::string directory) : fs_(&fs), directory_(std::move(directory)) {}
  std::string path_of(const SnapshotMeta& meta, std::string_view suffix) const;
  std::string incoming() const;
  Result<std::vector<storage::DirectoryEntry>> list() const;
  Result<> make_directory() const;
  Result<> rename(const std::string& from, const std::string& to) const;
  Result<std::string> payload(const std::string& path, const SnapshotMeta& meta) const;

  storage::FileSystem* fs_;
  std::string directory_;
};

}  // namespace sluice::broker::raft

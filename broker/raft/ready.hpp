#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "broker/raft/raft_message.hpp"
#include "broker/raft/raft_types.hpp"

namespace sluice::broker::raft {

/// Bytes of a snapshot that is being received. `offset` 0 begins its file anew.
struct SnapshotPart {
  SnapshotMeta snapshot;
  std::int64_t offset = 0;
  bool done = false;  ///< its last: before this is reported durable, the file is held against size and checksum
  std::string data;
};

/// A read may be served once `index` is applied. nullopt: nobody could tell; ask again.
struct ReadState {
  ReadTicket ticket;
  std::optional<LogIndex> index;
};

struct RoleChange {
  Role role = Role::follower;
  Term term;
  std::optional<ReplicaKey> leader;
  friend bool operator==(const RoleChange&, const RoleChange&) = default;
};

/// What the driver is to do, in the order of the fields.
///
/// What is to be made durable is written in this order too, Ready after Ready, and may be cut short by a crash
/// anywhere; when all of a Ready is durable, Raft::on_persisted is told its number. A later Ready may be taken before
/// that: the disk may lag. Every Ready is reported, also one that holds nothing for the disk.
struct Ready {
  std::uint64_t number = 0;

  std::vector<Message> messages;  ///< go out at once

  std::optional<HardState> hard_state;       ///< durable: replaces the former
  std::vector<SnapshotPart> snapshot_parts;  ///< durable: of a snapshot on its way in
  std::optional<SnapshotMeta> install;       ///< durable: becomes *the* snapshot, and the log begins behind it, empty
  std::vector<Entry> entries;                ///< durable: replace the log from the first one's index on

  std::vector<Message> messages_after;  ///< go out when this Ready and all before it are durable

  std::optional<RoleChange> role_change;
  std::vector<Entry> committed;  ///< to apply; after `install`, the state machine having been replaced by it
  std::vector<ReadState> reads;
};

}  // namespace sluice::broker::raft

#pragma once

#include <optional>
#include <string>

#include "broker/raft/raft_message.hpp"
#include "broker/raft/raft_types.hpp"
#include "protocol/base/bytes.hpp"

namespace sluice::broker::raft {

/// The forms of raft_message.proto. Decoding gives nullopt for what is not one of them, or not one that this version
/// knows. Entries keep the checksum they came with: whether it holds is the core's to see.
std::string encode(const Message& message);
std::string encode(const Entry& entry);
std::string encode(const HardState& state);
std::string encode(const SnapshotMeta& snapshot);

std::optional<Message> decode_message(ByteView bytes);
std::optional<Entry> decode_entry(ByteView bytes);
std::optional<HardState> decode_hard_state(ByteView bytes);
std::optional<SnapshotMeta> decode_snapshot_meta(ByteView bytes);

}  // namespace sluice::broker::raft

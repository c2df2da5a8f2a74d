#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "broker/raft/raft_types.hpp"

namespace sluice::broker::raft {

/// Names a read that is answered later. The driver makes them, each once.
using ReadTicket = Id<struct ReadTicketTag, std::uint64_t>;

/// Goes out with what a leader sends and comes back with the answer: which round of reads that answer confirms, and
/// when, by the leader's own clock, the question was sent (which is what a lease counts from).
struct Pulse {
  std::uint64_t round = 0;
  Instant sent_at{0};
  friend bool operator==(const Pulse&, const Pulse&) = default;
};

/// Thesis 3.4; with `pre`, 9.6: `Message::term` is then the term that would be.
struct VoteRequest {
  bool pre = false;
  bool transfer = false;  ///< on behalf of the leader itself, which has given up its lease (thesis 3.10, 4.2.3)
  LogIndex last_index;
  Term last_term;
  friend bool operator==(const VoteRequest&, const VoteRequest&) = default;
};

struct VoteResponse {
  bool pre = false;
  bool granted = false;
  friend bool operator==(const VoteResponse&, const VoteResponse&) = default;
};

/// Thesis 3.5. `entries` follow `prev_index` without a gap.
struct AppendRequest {
  LogIndex prev_index;
  Term prev_term;
  LogIndex commit_index;
  Pulse pulse;
  std::vector<Entry> entries;
  friend bool operator==(const AppendRequest&, const AppendRequest&) = default;
};

/// Accepted: the sender's log is durable and equals the leader's up to `index`.
/// Refused: `index` is the prev_index that did not match; the logs can agree at most at `hint_index`, where the sender
/// has `hint_term`.
struct AppendResponse {
  bool accepted = false;
  LogIndex index;
  LogIndex hint_index;
  Term hint_term;
  Pulse pulse;
  friend bool operator==(const AppendResponse&, const AppendResponse&) = default;
};

/// `commit_index` is no further than what the receiver is known to have.
struct Heartbeat {
  LogIndex commit_index;
  Pulse pulse;
  friend bool operator==(const Heartbeat&, const Heartbeat&) = default;
};

struct HeartbeatResponse {
  Pulse pulse;
  friend bool operator==(const HeartbeatResponse&, const HeartbeatResponse&) = default;
};

/// One chunk of a snapshot (thesis 5.3, figure 5.3).
struct SnapshotRequest {
  SnapshotMeta snapshot;
  std::int64_t offset = 0;
  bool done = false;  ///< nothing follows
  Pulse pulse;
  std::string data;
  friend bool operator==(const SnapshotRequest&, const SnapshotRequest&) = default;
};

/// The sender holds `next_offset` bytes of that snapshot and wants what follows. Once it is installed, an
/// AppendResponse says so.
struct SnapshotResponse {
  LogIndex snapshot_index;
  Term snapshot_term;
  std::int64_t next_offset = 0;
  Pulse pulse;
  friend bool operator==(const SnapshotResponse&, const SnapshotResponse&) = default;
};

/// Thesis 3.10: the receiver is to campaign at once.
struct TimeoutNow {
  friend bool operator==(const TimeoutNow&, const TimeoutNow&) = default;
};

/// Thesis 6.4: a follower asks how far it must have applied to serve a read.
struct ReadRequest {
  ReadTicket ticket;
  friend bool operator==(const ReadRequest&, const ReadRequest&) = default;
};

struct ReadResponse {
  ReadTicket ticket;
  std::optional<LogIndex> index;  ///< nullopt: ask again, maybe somebody else
  friend bool operator==(const ReadResponse&, const ReadResponse&) = default;
};

/// Who is not a voter asks to be sent the log.
struct FollowRequest {
  LogIndex last_index;
  friend bool operator==(const FollowRequest&, const FollowRequest&) = default;
};

/// From whoever is not the leader.
struct FollowResponse {
  std::optional<ReplicaKey> leader;
  friend bool operator==(const FollowResponse&, const FollowResponse&) = default;
};

/// In raft_message.proto the alternatives have the same order.
using MessageBody = std::variant<VoteRequest, VoteResponse, AppendRequest, AppendResponse, Heartbeat, HeartbeatResponse,
                                 SnapshotRequest, SnapshotResponse, TimeoutNow, ReadRequest, ReadResponse,
                                 FollowRequest, FollowResponse>;

struct Message {
  ReplicaKey from;
  ReplicaKey to;  ///< its directory may be zero: whichever that node has
  Term term;      ///< the sender's, but of a pre-vote the term that would be
  MessageBody body;
  friend bool operator==(const Message&, const Message&) = default;
};

}  // namespace sluice::broker::raft

#include "broker/raft/raft_codec.hpp"

#include <algorithm>
#include <limits>

#include "broker/raft/raft_message.pb.h"

namespace sluice::broker::raft {
namespace {

void put(const ReplicaKey& key, pb::ReplicaKey& out) {
  out.set_node(key.node.value());
  const auto& bytes = key.directory.bytes();
  if (key.is_pinned()) out.set_directory(bytes.data(), bytes.size());
}

void put(const Configuration& configuration, pb::Configuration& out) {
  for (const auto& voter : configuration.voters()) put(voter, *out.add_voters());
}

void put(const Entry& entry, pb::Entry& out) {
  out.set_index(entry.index.value());
  out.set_term(entry.term.value());
  out.set_type(static_cast<std::int32_t>(entry.type));
  out.set_timestamp_ms(entry.timestamp.value());
  out.set_data(entry.data);
  if (entry.type == EntryType::configuration) put(entry.configuration, *out.mutable_configuration());
  out.set_checksum(entry.checksum);
}

void put(const SnapshotMeta& snapshot, pb::Snapshot& out) {
  out.set_index(snapshot.index.value());
  out.set_term(snapshot.term.value());
  put(snapshot.configuration, *out.mutable_configuration());
  out.set_configuration_index(snapshot.configuration_index.value());
  out.set_bytes(snapshot.bytes);
  out.set_checksum(snapshot.checksum);
}

void put(const Pulse& pulse, pb::Pulse& out) {
  out.set_round(pulse.round);
  out.set_sent_at_ns(pulse.sent_at.count());
}

/// The body of a message into its alternative.
struct PutBody {
  pb::Message& out;

  void operator()(const VoteRequest& body) const {
    auto& to = *out.mutable_vote_request();
    to.set_pre(body.pre);
    to.set_transfer(body.transfer);
    to.set_last_index(body.last_index.value());
    to.set_last_term(body.last_term.value());
  }
  void operator()(const VoteResponse& body) const {
    out.mutable_vote_response()->set_pre(body.pre);
    out.mutable_vote_response()->set_granted(body.granted);
  }
  void operator()(const AppendRequest& body) const {
    auto& to = *out.mutable_append_request();
    to.set_prev_index(body.prev_index.value());
    to.set_prev_term(body.prev_term.value());
    to.set_commit_index(body.commit_index.value());
    put(body.pulse, *to.mutable_pulse());
    for (const auto& entry : body.entries) put(entry, *to.add_entries());
  }
  void operator()(const AppendResponse& body) const {
    auto& to = *out.mutable_append_response();
    to.set_accepted(body.accepted);
    to.set_index(body.index.value());
    to.set_hint_index(body.hint_index.value());
    to.set_hint_term(body.hint_term.value());
    put(body.pulse, *to.mutable_pulse());
  }
  void operator()(const Heartbeat& body) const {
    out.mutable_heartbeat()->set_commit_index(body.commit_index.value());
    put(body.pulse, *out.mutable_heartbeat()->mutable_pulse());
  }
  void operator()(const HeartbeatResponse& body) const {
    put(body.pulse, *out.mutable_heartbeat_response()->mutable_pulse());
  }
  void operator()(const SnapshotRequest& body) const {
    auto& to = *out.mutable_snapshot_request();
    put(body.snapshot, *to.mutable_snapshot());
    to.set_offset(body.offset);
    to.set_done(body.done);
    put(body.pulse, *to.mutable_pulse());
    to.set_data(body.data);
  }
  void operator()(const SnapshotResponse& body) const {
    auto& to = *out.mutable_snapshot_response();
    to.set_snapshot_index(body.snapshot_index.value());
    to.set_snapshot_term(body.snapshot_term.value());
    to.set_next_offset(body.next_offset);
    put(body.pulse, *to.mutable_pulse());
  }
  void operator()(const TimeoutNow&) const { out.mutable_timeout_now(); }
  void operator()(const ReadRequest& body) const { out.mutable_read_request()->set_ticket(body.ticket.value()); }
  void operator()(const ReadResponse& body) const {
    out.mutable_read_response()->set_ticket(body.ticket.value());
    if (body.index) out.mutable_read_response()->set_index(body.index->value());
  }
  void operator()(const FollowRequest& body) const {
    out.mutable_follow_request()->set_last_index(body.last_index.value());
  }
  void operator()(const FollowResponse& body) const {
    auto& to = *out.mutable_follow_response();
    if (body.leader) put(*body.leader, *to.mutable_leader());
  }
};

/// Reads what was parsed; `ok` stays false after the first thing that no sender of ours would write.
struct Reader {
  bool ok = true;

  ReplicaKey key(const pb::ReplicaKey& in) {
    std::array<std::uint8_t, 16> raw{};
    if (!in.directory().empty()) {
      ok = ok && in.directory().size() == raw.size();
      if (ok) std::copy(in.directory().begin(), in.directory().end(), raw.begin());
    }
    ok = ok && in.node() >= 0;
    return {BrokerId{in.node()}, Uuid{raw}};
  }

  Configuration configuration(const pb::Configuration& in) {
    std::vector<ReplicaKey> voters;
    for (const auto& voter : in.voters()) voters.push_back(key(voter));
    Configuration read{std::move(voters)};
    const auto same = [](const ReplicaKey& left, const ReplicaKey& right) { return left.node == right.node; };
    ok = ok && std::adjacent_find(read.voters().begin(), read.voters().end(), same) == read.voters().end();
    return read;
  }

  LogIndex index(std::int64_t value) {
    ok = ok && value >= 0 && value < std::numeric_limits<std::int64_t>::max();
    return LogIndex{value};
  }
  Term term(std::int64_t value) {
    // The log keeps it as a leader epoch, of 32 bits: an election a second would last for 68 years.
    ok = ok && value >= 0 && value < std::numeric_limits<std::int32_t>::max();
    return Term{value};
  }

  Entry entry(const pb::Entry& in) {
    const auto type = static_cast<EntryType>(in.type());
    ok = ok && (in.type() == 0 || in.type() == 1 || in.type() == 2);
    return {.index = index(in.index()),
            .term = term(in.term()),
            .type = type,
            .timestamp = Timestamp{in.timestamp_ms()},
            .data = in.data(),
            .configuration = configuration(in.configuration()),
            .checksum = in.checksum()};
  }

  SnapshotMeta snapshot(const pb::Snapshot& in) {
    ok = ok && in.bytes() >= 0;
    return {.index = index(in.index()),
            .term = term(in.term()),
            .configuration = configuration(in.configuration()),
            .configuration_index = index(in.configuration_index()),
            .bytes = in.bytes(),
            .checksum = in.checksum()};
  }

  static Pulse pulse(const pb::Pulse& in) { return {in.round(), Instant{in.sent_at_ns()}}; }

  AppendRequest append(const pb::AppendRequest& in) {
    AppendRequest read{.prev_index = index(in.prev_index()),
                       .prev_term = term(in.prev_term()),
                       .commit_index = index(in.commit_index()),
                       .pulse = pulse(in.pulse()),
                       .entries = {}};
    auto next = read.prev_index;
    for (const auto& each : in.entries()) {
      read.entries.push_back(entry(each));
      next = next + 1;
      ok = ok && read.entries.back().index == next;
    }
    return read;
  }

  SnapshotRequest chunk(const pb::SnapshotRequest& in) {
    ok = ok && in.offset() >= 0 && in.offset() <= in.snapshot().bytes();
    return {.snapshot = snapshot(in.snapshot()),
            .offset = in.offset(),
            .done = in.done(),
            .pulse = pulse(in.pulse()),
            .data = in.data()};
  }

  ReadResponse read_response(const pb::ReadResponse& in) {
    ReadResponse read{.ticket = ReadTicket{in.ticket()}, .index = std::nullopt};
    if (in.has_index()) read.index = index(in.index());
    return read;
  }

  FollowResponse follow_response(const pb::FollowResponse& in) {
    FollowResponse read;
    if (in.has_leader()) read.leader = key(in.leader());
    return read;
  }

  MessageBody body(const pb::Message& in) {
    switch (in.body_case()) {
      case pb::Message::kVoteRequest: {
        const auto& from = in.vote_request();
        return VoteRequest{from.pre(), from.transfer(), index(from.last_index()), term(from.last_term())};
      }
      case pb::Message::kVoteResponse: return VoteResponse{in.vote_response().pre(), in.vote_response().granted()};
      case pb::Message::kAppendRequest: return append(in.append_request());
      case pb::Message::kAppendResponse: {
        const auto& from = in.append_response();
        return AppendResponse{from.accepted(), index(from.index()), index(from.hint_index()), term(from.hint_term()),
                              pulse(from.pulse())};
      }
      case pb::Message::kHeartbeat:
        return Heartbeat{index(in.heartbeat().commit_index()), pulse(in.heartbeat().pulse())};
      case pb::Message::kHeartbeatResponse: return HeartbeatResponse{pulse(in.heartbeat_response().pulse())};
      case pb::Message::kSnapshotRequest: return chunk(in.snapshot_request());
      case pb::Message::kSnapshotResponse: {
        const auto& from = in.snapshot_response();
        return SnapshotResponse{index(from.snapshot_index()), term(from.snapshot_term()), from.next_offset(),
                                pulse(from.pulse())};
      }
      case pb::Message::kTimeoutNow: return TimeoutNow{};
      case pb::Message::kReadRequest: return ReadRequest{ReadTicket{in.read_request().ticket()}};
      case pb::Message::kReadResponse: return read_response(in.read_response());
      case pb::Message::kFollowRequest: return FollowRequest{index(in.follow_request().last_index())};
      case pb::Message::kFollowResponse: return follow_response(in.follow_response());
      case pb::Message::BODY_NOT_SET: break;
    }
    ok = false;
    return TimeoutNow{};
  }
};

template <class Proto>
std::optional<Proto> parse(ByteView bytes) {
  Proto in;
  if (bytes.size() > static_cast<std::size_t>(std::numeric_limits<int>::max())) return std::nullopt;
  if (!in.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return std::nullopt;
  return in;
}

template <class Proto, class Value>
std::string write(const Value& value) {
  Proto out;
  put(value, out);
  return out.SerializeAsString();
}

}  // namespace

std::string encode(const Message& message) {
  pb::Message out;
  put(message.from, *out.mutable_from());
  put(message.to, *out.mutable_to());
  out.set_term(message.term.value());
  std::visit(PutBody{out}, message.body);
  return out.SerializeAsString();
}

std::string encode(const Entry& entry) { return write<pb::Entry>(entry); }
std::string encode(const SnapshotMeta& snapshot) { return write<pb::Snapshot>(snapshot); }

std::string encode(const HardState& state) {
  pb::HardState out;
  out.set_term(state.term.value());
  if (state.vote) put(*state.vote, *out.mutable_vote());
  return out.SerializeAsString();
}

std::optional<Message> decode_message(ByteView bytes) {
  const auto in = parse<pb::Message>(bytes);
  if (!in) return std::nullopt;
  Reader reader;
  Message message{reader.key(in->from()), reader.key(in->to()), reader.term(in->term()), reader.body(*in)};
  // A sender always knows its own disk.
  if (!reader.ok || !message.from.is_pinned()) return std::nullopt;
  return message;
}

std::optional<Entry> decode_entry(ByteView bytes) {
  const auto in = parse<pb::Entry>(bytes);
  if (!in) return std::nullopt;
  Reader reader;
  auto entry = reader.entry(*in);
  if (!reader.ok) return std::nullopt;
  return entry;
}

std::optional<HardState> decode_hard_state(ByteView bytes) {
  const auto in = parse<pb::HardState>(bytes);
  if (!in) return std::nullopt;
  Reader reader;
  HardState state{.term = reader.term(in->term())};
  if (in->has_vote()) state.vote = reader.key(in->vote());
  if (!reader.ok) return std::nullopt;
  return state;
}

std::optional<SnapshotMeta> decode_snapshot_meta(ByteView bytes) {
  const auto in = parse<pb::Snapshot>(bytes);
  if (!in) return std::nullopt;
  Reader reader;
  auto snapshot = reader.snapshot(*in);
  if (!reader.ok) return std::nullopt;
  return snapshot;
}

}  // namespace sluice::broker::raft

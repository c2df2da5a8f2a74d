#include "broker/raft/raft_codec.hpp"

#include <catch2/catch.hpp>

#include "tests/unit/broker/raft/raft_cluster.hpp"

namespace sluice::test {
namespace {

Entry sample_entry(EntryType type) {
  auto made = entry(8, 3, type == EntryType::command ? std::string("a\0b", 3) : std::string{});
  made.type = type;
  made.timestamp = Timestamp{1'700'000'000'000};
  if (type == EntryType::configuration) made.configuration = voters({1, 2, 3}).with({BrokerId{4}, {}});
  made.checksum = checksum_of(made);
  return made;
}

SnapshotMeta sample_snapshot() {
  return {.index = LogIndex{7},
          .term = Term{2},
          .configuration = voters({1, 2}),
          .configuration_index = LogIndex{5},
          .bytes = 1000,
          .checksum = 0xfeedf00d};
}

/// One body of each kind, every field set.
std::vector<MessageBody> sample_bodies() {
  const Pulse pulse{9, Instant{-5}};
  auto second = sample_entry(EntryType::configuration);
  second.index = LogIndex{9};
  return {VoteRequest{true, true, LogIndex{4}, Term{2}},
          VoteResponse{true, true},
          AppendRequest{LogIndex{7}, Term{2}, LogIndex{6}, pulse, {sample_entry(EntryType::command), second}},
          AppendResponse{true, LogIndex{8}, LogIndex{3}, Term{1}, pulse},
          Heartbeat{LogIndex{6}, pulse},
          HeartbeatResponse{pulse},
          SnapshotRequest{sample_snapshot(), 300, true, pulse, "bytes"},
          SnapshotResponse{LogIndex{7}, Term{2}, 305, pulse},
          TimeoutNow{},
          ReadRequest{ReadTicket{77}},
          ReadResponse{ReadTicket{77}, LogIndex{6}},
          FollowRequest{LogIndex{5}},
          FollowResponse{replica(2)}};
}

}  // namespace

TEST_CASE("every message comes back as it was", "[raft]") {
  const auto bodies = sample_bodies();
  REQUIRE(bodies.size() == std::variant_size_v<MessageBody>);
  for (std::size_t kind = 0; kind < bodies.size(); ++kind) {
    CAPTURE(kind);
    REQUIRE(bodies[kind].index() == kind);
    const Message message{replica(1), {BrokerId{2}, {}}, Term{3}, bodies[kind]};
    const auto decoded = decode_message(as_byte_view(encode(message)));
    REQUIRE(decoded);
    CHECK(*decoded == message);
  }
  const Message unanswered{replica(1), replica(2), Term{3}, ReadResponse{ReadTicket{1}, std::nullopt}};
  CHECK(decode_message(as_byte_view(encode(unanswered))) == unanswered);
  const Message leaderless{replica(1), replica(2), Term{3}, FollowResponse{}};
  CHECK(decode_message(as_byte_view(encode(leaderless))) == leaderless);
}

TEST_CASE("entries, hard states and snapshots come back as they were", "[raft]") {
  for (const auto type : {EntryType::command, EntryType::configuration, EntryType::leader_change}) {
    const auto before = sample_entry(type);
    CHECK(decode_entry(as_byte_view(encode(before))) == before);
  }
  for (const auto& state : {HardState{}, HardState{Term{3}, replica(2)}}) {
    CHECK(decode_hard_state(as_byte_view(encode(state))) == state);
  }
  CHECK(decode_snapshot_meta(as_byte_view(encode(sample_snapshot()))) == sample_snapshot());
}

TEST_CASE("what no server would send is not decoded", "[raft]") {
  const auto refused = [](const Message& message) { return !decode_message(as_byte_view(encode(message))); };
  CHECK(refused({{BrokerId{1}, {}}, replica(2), Term{1}, TimeoutNow{}}));
  CHECK(refused({replica(1), replica(2), Term{-1}, TimeoutNow{}}));
  CHECK(refused({replica(1), replica(2), Term{1}, FollowRequest{LogIndex{-1}}}));
  auto gap = AppendRequest{LogIndex{5}, Term{2}, LogIndex{5}, {}, {sample_entry(EntryType::command)}};
  CHECK(refused({replica(1), replica(2), Term{3}, gap}));
  CHECK_FALSE(decode_message(as_byte_view("\xff\xff\xff")));
  CHECK_FALSE(decode_message({}));
}

TEST_CASE("a truncated message is refused or is another message, and never reads beyond its end", "[raft]") {
  for (const auto& body : sample_bodies()) {
    const auto bytes = encode(Message{replica(1), replica(2), Term{3}, body});
    for (std::size_t size = 0; size < bytes.size(); ++size) decode_message(as_byte_view(bytes).first(size));
  }
}

}  // namespace sluice::test

#include "tests/unit/broker/raft/raft_cluster.hpp"

namespace sluice::test {
namespace {

/// Server `node` makes a snapshot of everything it applied and forgets the entries.
void snapshot(RaftCluster& cluster, int node, const std::string& data) {
  auto& raft = cluster.raft(node);
  auto& disk = *cluster.server(node).disk;
  disk.store_snapshot(raft.describe_snapshot(raft.log().commit_index()), data, 0);
  raft.on_snapshot_stored();
}

/// Three servers, of which the third missed what the others have in a snapshot of 1,000 bytes only.
struct Fixture {
  RaftCluster cluster{3, {.snapshot_chunk_bytes = 300}};
  std::string data;

  Fixture() {
    data.assign(1000, 's');
    data.back() = '!';
    cluster.elect(1);
    cluster.isolated = {3};
    for (int i = 0; i < 10; ++i) cluster.propose(1, "x");
    cluster.settle();
    for (const int node : {1, 2}) snapshot(cluster, node, data);
    cluster.sent<SnapshotRequest>();
  }

  std::vector<std::int64_t> offsets_sent() {
    std::vector<std::int64_t> offsets;
    for (const auto& [message, request] : cluster.sent<SnapshotRequest>()) offsets.push_back(request.offset);
    return offsets;
  }
};

}  // namespace

TEST_CASE("who needs what was compacted away gets the snapshot, in chunks (5.3)", "[raft]") {
  Fixture fixture;
  auto& cluster = fixture.cluster;
  cluster.isolated.clear();
  cluster.pass(200ms);
  CHECK(fixture.offsets_sent() == std::vector<std::int64_t>{0, 300, 600, 900});
  CHECK(cluster.server(3).disk->snapshot() == cluster.server(1).disk->snapshot());
  CHECK(cluster.server(3).disk->snapshot_data() == fixture.data);
  CHECK(cluster.raft(3).log().first_index() == LogIndex{12});
  cluster.propose(1, "next");
  cluster.settle();
  CHECK(cluster.applied(3).back() == "next");
  cluster.restart(3);
  CHECK(cluster.raft(3).log().commit_index() == LogIndex{11});
}

TEST_CASE("a lost chunk is sent again, and nothing before it", "[raft]") {
  Fixture fixture;
  auto& cluster = fixture.cluster;
  cluster.isolated.clear();
  bool lost = false;
  cluster.loses = [&](const Message& message) {
    const auto* request = std::get_if<SnapshotRequest>(&message.body);
    return request != nullptr && request->offset == 600 && !std::exchange(lost, true);
  };
  cluster.pass(2s);
  CHECK(fixture.offsets_sent() == std::vector<std::int64_t>{0, 300, 600, 600, 900});
  CHECK(cluster.server(3).disk->snapshot_data() == fixture.data);
}

TEST_CASE("the next leader goes on with the same snapshot where the last one stopped", "[raft]") {
  Fixture fixture;
  auto& cluster = fixture.cluster;
  cluster.isolated.clear();
  cluster.loses = [](const Message& message) {
    const auto* request = std::get_if<SnapshotRequest>(&message.body);
    return request != nullptr && request->offset >= 600;
  };
  cluster.pass(200ms);
  cluster.loses = {};
  cluster.isolated = {1};
  cluster.elect(2);
  fixture.offsets_sent();
  cluster.pass(2s);
  CHECK(cluster.server(3).disk->snapshot_data() == fixture.data);
}

TEST_CASE("a snapshot that arrived damaged is fetched again", "[raft]") {
  Fixture fixture;
  auto& cluster = fixture.cluster;
  cluster.isolated.clear();
  cluster.slow_disks = {3};
  for (bool damaged = false; !damaged;) {
    cluster.pass(10ms);
    const auto& waiting = cluster.server(3).unwritten;
    damaged = std::any_of(waiting.begin(), waiting.end(), [](const Ready& ready) {
      return !ready.snapshot_parts.empty() && ready.snapshot_parts.back().done;
    });
    if (damaged) cluster.raft(3).on_snapshot_damaged();
    cluster.flush(3);
  }
  cluster.slow_disks.clear();
  CHECK(cluster.server(3).disk->snapshot().index == LogIndex{0});
  cluster.pass(3s);
  CHECK(cluster.server(3).disk->snapshot_data() == fixture.data);
}

TEST_CASE("a snapshot of what the log has anyway moves the commit index, and no more (5.3)", "[raft]") {
  RaftCluster cluster{3};
  cluster.boot(replica(2), voters({1, 2, 3}), {.term = Term{1}}, {entry(1, 1), entry(2, 1), entry(3, 1)});
  Message message{replica(1), replica(2), Term{1}, SnapshotRequest{}};
  message.body = SnapshotRequest{
      .snapshot = {.index = LogIndex{2}, .term = Term{1}, .configuration = {}, .bytes = 9}, .pulse = {}, .data = {}};
  cluster.step(message);
  CHECK(cluster.raft(2).log().commit_index() == LogIndex{2});
  CHECK(cluster.raft(2).log().last_index() == LogIndex{3});
  const auto answers = cluster.sent<AppendResponse>();
  REQUIRE(answers.size() == 1);
  CHECK(answers.front().second.accepted);
}

TEST_CASE("a snapshot says which voters there were at its index, not which there are", "[raft]") {
  RaftCluster cluster{3};
  cluster.elect(1);
  cluster.raft(1).remove_voter(replica(3), cluster.now());
  cluster.settle();
  CHECK(cluster.raft(1).describe_snapshot(LogIndex{1}).configuration == voters({1, 2, 3}));
  CHECK(cluster.raft(1).describe_snapshot(LogIndex{2}).configuration == voters({1, 2}));
  CHECK(cluster.raft(1).describe_snapshot(LogIndex{2}).configuration_index == LogIndex{2});
}

}  // namespace sluice::test

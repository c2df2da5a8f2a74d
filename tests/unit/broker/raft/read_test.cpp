#include "tests/unit/broker/raft/raft_cluster.hpp"

namespace sluice::test {
namespace {

constexpr ReadTicket kTicket{1};

std::optional<LogIndex> answer(RaftCluster& cluster, int node) {
  const auto& reads = cluster.server(node).reads;
  return reads.empty() ? std::nullopt : reads.back().index;
}

void read(RaftCluster& cluster, int node) {
  cluster.server(node).reads.clear();
  cluster.raft(node).read(kTicket, cluster.now());
}

}  // namespace

TEST_CASE("a read waits for a round of heartbeats (6.4)", "[raft]") {
  RaftCluster cluster{3};
  cluster.elect(1);
  read(cluster, 1);
  cluster.collect();
  CHECK(cluster.server(1).reads.empty());
  cluster.settle();
  CHECK(answer(cluster, 1) == LogIndex{1});

  SECTION("one for all that came meanwhile") {
    cluster.sent<Heartbeat>();
    for (int i = 0; i < 10; ++i) cluster.raft(1).read(ReadTicket{10}, cluster.now());
    cluster.settle();
    CHECK(cluster.sent<Heartbeat>().size() == 2);
    CHECK(cluster.server(1).reads.size() == 11);
  }
  SECTION("that a deposed leader never gets") {
    cluster.isolated = {1};
    cluster.elect(2);
    read(cluster, 1);
    cluster.pass(3s);
    CHECK(answer(cluster, 1) == std::nullopt);
  }
}

TEST_CASE("a follower asks the leader (6.4)", "[raft]") {
  RaftCluster cluster{3};
  cluster.elect(1);
  cluster.propose(1, "a");
  cluster.settle();
  read(cluster, 3);
  cluster.settle();
  CHECK(answer(cluster, 3) == LogIndex{2});
}

TEST_CASE("without a leader there is no telling", "[raft]") {
  RaftCluster cluster{3};
  read(cluster, 3);
  cluster.settle();
  REQUIRE(cluster.server(3).reads.size() == 1);
  CHECK(answer(cluster, 3) == std::nullopt);
}

TEST_CASE("a new leader serves no read before it has committed in its term (6.4)", "[raft]") {
  RaftCluster cluster{3};
  cluster.loses = [](const Message& message) { return std::holds_alternative<AppendRequest>(message.body); };
  cluster.elect(1);
  read(cluster, 1);
  cluster.settle();
  CHECK(cluster.server(1).reads.empty());
  cluster.loses = {};
  cluster.pass(200ms);
  CHECK(answer(cluster, 1) == LogIndex{1});
}

TEST_CASE("with a lease a read waits for nobody (6.4.1)", "[raft]") {
  RaftCluster cluster{3, {.lease_reads = true}};
  cluster.elect(1);
  cluster.pass(200ms);
  REQUIRE(cluster.raft(1).holds_lease(cluster.now()));
  cluster.sent<Heartbeat>();
  read(cluster, 1);
  cluster.collect();
  CHECK(answer(cluster, 1) == LogIndex{1});
  CHECK(cluster.sent<Heartbeat>().empty());

  SECTION("which ends before any voter, by its own clock, may vote again") {
    cluster.pass_silently(990ms);  // 1 s less twice the drift of 1 %
    CHECK_FALSE(cluster.raft(1).holds_lease(cluster.now()));
  }
  SECTION("and is over for good once leadership may be taken away") {
    cluster.loses = [](const Message& message) { return std::holds_alternative<TimeoutNow>(message.body); };
    CHECK(cluster.raft(1).transfer(BrokerId{2}, cluster.now()) == Refusal::none);
    cluster.pass(3s);
    CHECK(cluster.raft(1).role() == Role::leader);  // nothing came of it, yet the message may still be under way
    CHECK_FALSE(cluster.raft(1).holds_lease(cluster.now()));
    read(cluster, 1);
    cluster.settle();
    CHECK(answer(cluster, 1) == LogIndex{1});
  }
}

TEST_CASE("a lease counts from when the question was sent, not from when the answer came", "[raft]") {
  RaftCluster cluster{3, {.lease_reads = true}};
  cluster.elect(1);
  cluster.time_out(1);
  cluster.collect();  // the heartbeats are out
  cluster.pass_silently(990ms);
  cluster.settle();
  CHECK_FALSE(cluster.raft(1).holds_lease(cluster.now()));
}

}  // namespace sluice::test

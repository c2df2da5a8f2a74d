#include "tests/unit/broker/raft/raft_cluster.hpp"

namespace sluice::test {
namespace {

void join(RaftCluster& cluster, int node, std::uint8_t disk = 1) {
  cluster.boot(replica(node, disk), Configuration{});
  cluster.pass(200ms);
}

}  // namespace

TEST_CASE("who joins asks its contacts, and follows the log as a learner (4.2.1)", "[raft]") {
  RaftCluster cluster{3};
  cluster.elect(2);
  cluster.propose(2, "a");
  join(cluster, 4);
  CHECK(cluster.raft(4).role() == Role::learner);
  CHECK(cluster.raft(4).leader() == replica(2));
  CHECK(cluster.applied(4) == std::vector<std::string>{"a"});

  SECTION("and counts for no majority") {
    cluster.isolated = {1, 3};
    cluster.propose(2, "b");
    cluster.settle();
    CHECK(cluster.applied(2) == std::vector<std::string>{"a"});
  }
  SECTION("and gets everything again when it lost its log") {
    join(cluster, 4);
    CHECK(cluster.applied(4) == std::vector<std::string>{"a"});
  }
  SECTION("finds the next leader") {
    cluster.isolated = {2};
    cluster.elect(3);
    cluster.pass(2500ms);
    CHECK(cluster.raft(4).leader() == replica(3));
  }
  SECTION("never asks for votes") {
    cluster.isolated = {4};
    cluster.pass(10s);
    CHECK(cluster.raft(4).role() == Role::learner);
    CHECK(cluster.raft(2).progress().count(replica(4)) == 1);
    cluster.pass(1s);
    CHECK(cluster.raft(2).progress().count(replica(4)) == 0);  // and is forgotten
  }
}

TEST_CASE("a leader feeds so many learners and no more, whoever asks", "[raft]") {
  Options options;
  options.learners_max = 5;
  RaftCluster cluster{3, options};
  cluster.elect(2);
  for (int node = 10; node < 20; ++node) {
    cluster.step({.from = replica(node), .to = replica(2), .term = cluster.raft(2).term(), .body = FollowRequest{}});
  }
  CHECK(cluster.raft(2).progress().size() <= 5 + 3);
  join(cluster, 4);
  CHECK(cluster.raft(4).leader() != replica(2));
  cluster.pass(11s);  // those who only asked are forgotten
  CHECK(cluster.raft(4).leader() == replica(2));
}

TEST_CASE("a learner that has caught up becomes a voter, from the moment it is in the log (4.1)", "[raft]") {
  RaftCluster cluster{1};
  cluster.pass(10ms);
  join(cluster, 2);
  cluster.slow_disks = {2};
  REQUIRE(cluster.raft(1).add_voter(replica(2), cluster.now()).refusal == Refusal::none);
  cluster.settle();
  CHECK(cluster.raft(1).log().commit_index() == LogIndex{1});  // the new majority needs the new voter
  cluster.flush(2);
  cluster.settle();
  CHECK(cluster.raft(1).log().commit_index() == LogIndex{2});
  CHECK(cluster.raft(2).is_voter());
}

TEST_CASE("changes of voters are refused", "[raft]") {
  RaftCluster cluster{3};
  cluster.elect(1);
  join(cluster, 4);
  auto& leader = cluster.raft(1);
  const auto now = cluster.now();
  SECTION("on others than the leader") {
    CHECK(cluster.raft(2).add_voter(replica(4), now).refusal == Refusal::not_leader);
  }
  SECTION("for who does not follow") {
    CHECK(leader.add_voter(replica(5), now).refusal == Refusal::unknown_replica);
    CHECK(leader.add_voter(replica(4, 9), now).refusal == Refusal::unknown_replica);
    CHECK(leader.remove_voter(replica(2, 9), now).refusal == Refusal::unknown_replica);
  }
  SECTION("for a node that votes already, be it with another disk") {
    join(cluster, 3, 2);
    CHECK(leader.add_voter(replica(3, 2), now).refusal == Refusal::already_voter);
  }
  SECTION("while one is pending (4.1)") {
    CHECK(leader.add_voter(replica(4), now).refusal == Refusal::none);
    CHECK(leader.remove_voter(replica(2), now).refusal == Refusal::change_pending);
  }
  SECTION("while leadership is handed over (3.10)") {
    CHECK(leader.transfer(BrokerId{2}, now) == Refusal::none);
    CHECK(leader.add_voter(replica(4), now).refusal == Refusal::transfer_pending);
  }
  SECTION("before the leader has committed in its term") {
    cluster.loses = [](const Message& message) { return std::holds_alternative<AppendRequest>(message.body); };
    cluster.elect(2);
    CHECK(cluster.raft(2).remove_voter(replica(3), cluster.now()).refusal == Refusal::no_commit_in_term);
  }
  SECTION("for who lacks too much of the log (4.2.1)") {
    cluster.isolated = {4};
    for (int i = 0; i < 101; ++i) cluster.propose(1, "x");
    cluster.settle();
    CHECK(leader.add_voter(replica(4), now).refusal == Refusal::not_caught_up);
  }
  SECTION("when nobody would be left") {
    RaftCluster alone{1};
    alone.pass(10ms);
    CHECK(alone.raft(1).remove_voter(replica(1), alone.now()).refusal == Refusal::last_voter);
  }
}

TEST_CASE("a leader that removed itself hands over once that is committed (4.2.2)", "[raft]") {
  RaftCluster cluster{3};
  cluster.elect(1);
  REQUIRE(cluster.raft(1).remove_voter(replica(1), cluster.now()).refusal == Refusal::none);
  cluster.settle();
  cluster.pass(300ms);  // no election timeout is waited for
  CHECK(cluster.raft(1).role() == Role::learner);
  CHECK((cluster.raft(2).role() == Role::leader || cluster.raft(3).role() == Role::leader));
  cluster.pass(3s);
  CHECK(cluster.raft(1).log().configuration() == voters({2, 3}));
}

TEST_CASE("it does not count for the majority that commits its removal (4.2.2)", "[raft]") {
  RaftCluster cluster{3};
  cluster.elect(1);
  cluster.isolated = {3};
  cluster.raft(1).remove_voter(replica(1), cluster.now());
  cluster.settle();
  CHECK(cluster.raft(1).log().commit_index() == LogIndex{1});
}

TEST_CASE("who is removed unknowing learns of it, and disturbs nobody (4.2.3)", "[raft]") {
  RaftCluster cluster{4};
  cluster.elect(1);
  cluster.isolated = {4};
  cluster.raft(1).remove_voter(replica(4), cluster.now());
  cluster.pass(12s);
  CHECK(cluster.raft(4).is_voter());
  cluster.isolated.clear();
  cluster.pass(3s);
  CHECK_FALSE(cluster.raft(4).is_voter());
  CHECK(cluster.raft(4).leader() == replica(1));
  CHECK(cluster.raft(1).term() == Term{1});
}

TEST_CASE("a change that its leader could not commit is undone with its entry (4.1)", "[raft]") {
  RaftCluster cluster{3};
  cluster.elect(1);
  cluster.isolated = {1};
  cluster.raft(1).remove_voter(replica(3), cluster.now());
  cluster.settle();
  CHECK(cluster.raft(1).log().configuration() == voters({1, 2}));
  cluster.elect(2);
  cluster.isolated.clear();
  cluster.pass(500ms);
  CHECK(cluster.raft(1).log().configuration() == voters({1, 2, 3}));
}

TEST_CASE("who has its own removal in the log, and nobody else, may still win (4.2.2)", "[raft]") {
  RaftCluster cluster{2};
  cluster.elect(2);
  cluster.isolated = {1};
  cluster.raft(2).remove_voter(replica(2), cluster.now());
  cluster.pass(3s);
  CHECK(cluster.raft(2).role() != Role::leader);
  cluster.isolated.clear();
  cluster.pass(10s);
  CHECK(cluster.raft(1).role() == Role::leader);
  CHECK(cluster.raft(1).log().configuration() == voters({1}));
  CHECK(cluster.raft(2).role() == Role::learner);
}

TEST_CASE("the first leader writes down the voters, with their disks", "[raft]") {
  const Configuration listed{{{BrokerId{1}, {}}, {BrokerId{2}, {}}, {BrokerId{3}, {}}}};
  RaftCluster cluster{3};
  for (const int node : {1, 2, 3}) cluster.boot(replica(node), listed);
  cluster.isolated = {3};
  cluster.elect(1);
  CHECK(cluster.raft(2).log().configuration().find(BrokerId{2})->is_pinned());
  CHECK_FALSE(cluster.raft(2).log().configuration().find(BrokerId{3})->is_pinned());
  cluster.isolated.clear();
  cluster.pass(3s);
  CHECK(cluster.raft(3).log().configuration() == voters({1, 2, 3}));

  SECTION("so that a node with a new disk is not the voter it was") {
    cluster.boot(replica(3, 2), listed);
    cluster.pass(5s);
    CHECK_FALSE(cluster.raft(3).is_voter());
    CHECK(cluster.raft(3).log().commit_index() == cluster.raft(1).log().commit_index());
  }
}

TEST_CASE("a disk that was wiped comes back as somebody else (KIP-853)", "[raft]") {
  RaftCluster cluster{3};
  cluster.elect(1);
  join(cluster, 3, 2);
  CHECK(cluster.raft(3).role() == Role::learner);
  REQUIRE(cluster.raft(1).remove_voter(replica(3), cluster.now()).refusal == Refusal::none);
  cluster.settle();
  REQUIRE(cluster.raft(1).add_voter(replica(3, 2), cluster.now()).refusal == Refusal::none);
  cluster.settle();
  CHECK(cluster.raft(3).role() == Role::follower);
}

}  // namespace sluice::test

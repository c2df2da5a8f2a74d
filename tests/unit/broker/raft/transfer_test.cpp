#include "tests/unit/broker/raft/raft_cluster.hpp"

namespace sluice::test {

TEST_CASE("leadership goes to whom the leader names, without waiting for a timeout (3.10)", "[raft]") {
  RaftCluster cluster{3};
  cluster.elect(1);
  CHECK(cluster.raft(1).transfer(BrokerId{3}, cluster.now()) == Refusal::none);
  CHECK(cluster.propose(1, "a").refusal == Refusal::transfer_pending);
  cluster.settle();
  CHECK(cluster.raft(3).role() == Role::leader);
  CHECK(cluster.raft(1).leader() == replica(3));
}

TEST_CASE("the target gets the whole log first (3.10)", "[raft]") {
  RaftCluster cluster{3};
  cluster.elect(1);
  cluster.slow_disks = {3};
  cluster.propose(1, "a");
  cluster.settle();
  CHECK(cluster.raft(1).transfer(BrokerId{3}, cluster.now()) == Refusal::none);
  cluster.settle();
  CHECK(cluster.sent<TimeoutNow>().empty());
  cluster.slow_disks.clear();
  cluster.settle();
  CHECK(cluster.raft(3).role() == Role::leader);
  CHECK(cluster.applied(3) == std::vector<std::string>{"a"});
}

TEST_CASE("a transfer that takes too long is given up (3.10)", "[raft]") {
  RaftCluster cluster{3};
  cluster.elect(1);
  cluster.isolated = {3};
  CHECK(cluster.raft(1).transfer(BrokerId{3}, cluster.now()) == Refusal::none);
  cluster.pass(900ms);
  CHECK(cluster.propose(1, "a").refusal == Refusal::transfer_pending);
  cluster.pass(200ms);
  CHECK(cluster.propose(1, "a").refusal == Refusal::none);
}

TEST_CASE("leadership goes to other voters only", "[raft]") {
  RaftCluster cluster{3};
  cluster.elect(1);
  CHECK(cluster.raft(2).transfer(BrokerId{3}, cluster.now()) == Refusal::not_leader);
  CHECK(cluster.raft(1).transfer(BrokerId{1}, cluster.now()) == Refusal::unknown_replica);
  CHECK(cluster.raft(1).transfer(BrokerId{9}, cluster.now()) == Refusal::unknown_replica);
}

}  // namespace sluice::test

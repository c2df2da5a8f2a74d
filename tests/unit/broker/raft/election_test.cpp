#include "tests/unit/broker/raft/raft_cluster.hpp"

namespace sluice::test {
namespace {

Message vote_request(int from, int to, std::int64_t term, VoteRequest request) {
  return {replica(from), replica(to), Term{term}, request};
}

VoteRequest with_log(std::int64_t last_index, std::int64_t last_term) {
  return {.last_index = LogIndex{last_index}, .last_term = Term{last_term}};
}

bool grants(RaftCluster& cluster, const Message& request) {
  cluster.sent<VoteResponse>();
  cluster.step(request);
  const auto answers = cluster.sent<VoteResponse>();
  REQUIRE(answers.size() == 1);
  return answers.front().second.granted;
}

}  // namespace

TEST_CASE("a majority elects, and all know whom (3.4)", "[raft]") {
  RaftCluster cluster{5};
  cluster.elect(2);
  for (int node = 1; node <= 5; ++node) CHECK(cluster.raft(node).leader() == replica(2));
  CHECK(cluster.raft(1).term() == Term{1});
}

TEST_CASE("a voter that is alone leads at once", "[raft]") {
  RaftCluster cluster{1};
  cluster.pass(10ms);
  CHECK(cluster.raft(1).role() == Role::leader);
  CHECK(cluster.raft(1).log().commit_index() == LogIndex{1});
}

TEST_CASE("a voter votes once a term, also when it restarts in between (3.4)", "[raft]") {
  RaftCluster cluster{3};
  CHECK(grants(cluster, vote_request(2, 1, 5, with_log(0, 0))));
  CHECK_FALSE(grants(cluster, vote_request(3, 1, 5, with_log(0, 0))));
  CHECK(grants(cluster, vote_request(2, 1, 5, with_log(0, 0))));
  cluster.restart(1);
  cluster.pass_silently(1s);
  CHECK_FALSE(grants(cluster, vote_request(3, 1, 5, with_log(0, 0))));
}

TEST_CASE("a vote is given when it is durable, not before (3.8)", "[raft]") {
  RaftCluster cluster{3};
  cluster.slow_disks = {1};
  cluster.step(vote_request(2, 1, 5, with_log(0, 0)));
  CHECK(cluster.sent<VoteResponse>().empty());
  cluster.flush(1);
  CHECK(cluster.sent<VoteResponse>().size() == 1);
}

TEST_CASE("a candidate asks when its own vote is durable, and it counts from then", "[raft]") {
  RaftCluster cluster{3};
  cluster.slow_disks = {1};
  cluster.pass_silently(2s);
  cluster.time_out(1);
  cluster.settle();
  CHECK(cluster.raft(1).role() == Role::candidate);
  for (const auto& [message, request] : cluster.sent<VoteRequest>()) CHECK(request.pre);
  cluster.flush(1);
  CHECK(cluster.sent<VoteRequest>().size() == 2);
  cluster.settle();
  CHECK(cluster.raft(1).role() == Role::leader);
}

TEST_CASE("a log that lacks what the voter has does not win its vote (3.6.1)", "[raft]") {
  RaftCluster cluster{3};
  cluster.boot(replica(1), voters({1, 2, 3}), {.term = Term{3}}, {entry(1, 1), entry(2, 3)});
  cluster.pass_silently(1s);
  CHECK_FALSE(grants(cluster, vote_request(2, 1, 4, with_log(9, 2))));  // longer, but of an older term
  CHECK_FALSE(grants(cluster, vote_request(2, 1, 5, with_log(1, 3))));
  CHECK(grants(cluster, vote_request(2, 1, 6, with_log(2, 3))));
}

TEST_CASE("who is cut off does not raise the term (9.6)", "[raft]") {
  RaftCluster cluster{3};
  cluster.elect(1);
  cluster.isolated = {3};
  cluster.pass(20s);
  CHECK(cluster.raft(3).role() == Role::pre_candidate);
  CHECK(cluster.raft(3).term() == Term{1});
  cluster.isolated.clear();
  cluster.pass(3s);
  CHECK(cluster.raft(1).role() == Role::leader);
  CHECK(cluster.raft(1).term() == Term{1});
  CHECK(cluster.raft(3).leader() == replica(1));
}

TEST_CASE("who hears a leader elects no other, and takes no term from a candidate (4.2.3)", "[raft]") {
  RaftCluster cluster{3};
  cluster.elect(1);
  cluster.sent<VoteResponse>();
  cluster.step(vote_request(3, 2, 9, with_log(99, 9)));
  CHECK(cluster.sent<VoteResponse>().empty());
  CHECK(cluster.raft(2).term() == Term{1});

  SECTION("unless the leader itself wants it (3.10)") {
    auto request = with_log(99, 9);
    request.transfer = true;
    CHECK(grants(cluster, vote_request(3, 2, 9, request)));
  }
  SECTION("until an election timeout after it was last heard") {
    cluster.pass_silently(1s);
    CHECK(grants(cluster, vote_request(3, 2, 9, with_log(99, 9))));
  }
  SECTION("and a restart does not forget that (6.4.1)") {
    cluster.restart(2);
    cluster.step(vote_request(3, 2, 9, with_log(99, 9)));
    CHECK(cluster.sent<VoteResponse>().empty());
  }
}

TEST_CASE("a leader that hears no majority makes way (6.2)", "[raft]") {
  RaftCluster cluster{5};
  cluster.elect(1);
  cluster.isolated = {2, 3};
  cluster.pass(5s);
  CHECK(cluster.raft(1).role() == Role::leader);
  cluster.isolated = {2, 3, 4};
  cluster.pass(2s);
  CHECK(cluster.raft(1).role() != Role::leader);
}

TEST_CASE("an older leader learns of the newer term (3.3)", "[raft]") {
  RaftCluster cluster{3};
  cluster.elect(1);
  cluster.isolated = {1};
  cluster.elect(2);
  cluster.isolated.clear();
  cluster.pass(200ms);
  CHECK(cluster.raft(1).leader() == replica(2));
  CHECK(cluster.raft(1).term() == Term{2});
}

TEST_CASE("known by its node alone, an empty server elects only who is empty too (KAFKA-12181)", "[raft]") {
  RaftCluster cluster{3};
  auto unpinned = vote_request(2, 1, 5, with_log(3, 2));
  unpinned.to.directory = {};
  CHECK_FALSE(grants(cluster, [&] {
    auto same_term = unpinned;
    same_term.term = Term{0};
    return same_term;
  }()));
  cluster.step(unpinned);
  CHECK(cluster.raft(1).hard_state() == HardState{});
  unpinned.body = with_log(0, 0);
  CHECK(grants(cluster, unpinned));
}

TEST_CASE("what is meant for the disk that a node once had is not for this one", "[raft]") {
  RaftCluster cluster{3};
  auto request = vote_request(2, 1, 5, with_log(3, 2));
  request.to = replica(1, 9);
  cluster.step(request);
  CHECK(cluster.sent<VoteResponse>().empty());
  CHECK(cluster.raft(1).term() == Term{0});
}

TEST_CASE("a leader whose connections closed is replaced at once, but for leases", "[raft]") {
  const bool leases = GENERATE(false, true);
  RaftCluster cluster{3, {.lease_reads = leases}};
  cluster.elect(1);
  cluster.isolated = {1};
  for (const int node : {2, 3}) cluster.raft(node).on_unreachable(BrokerId{1}, cluster.now());
  cluster.pass(20ms);
  CHECK((cluster.raft(2).role() == Role::leader) == !leases);  // its turn comes first
  CHECK(cluster.raft(3).role() == Role::follower);
}

}  // namespace sluice::test

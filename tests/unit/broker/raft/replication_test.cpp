#include "tests/unit/broker/raft/raft_cluster.hpp"

namespace sluice::test {

TEST_CASE("what a majority has is committed, applied everywhere, in order (3.5)", "[raft]") {
  RaftCluster cluster{3};
  cluster.elect(1);
  const auto proposed = cluster.raft(1).propose({"a", "b"}, cluster.now());
  CHECK(proposed.last_index == LogIndex{3});
  cluster.settle();
  cluster.propose(1, "c");
  cluster.settle();
  for (const int node : {1, 2, 3}) CHECK(cluster.applied(node) == std::vector<std::string>{"a", "b", "c"});
  CHECK(cluster.propose(2, "d").refusal == Refusal::not_leader);
}

TEST_CASE("a leader drops what another claims to say as the leader of its own term (3.4)", "[raft]") {
  RaftCluster cluster{3};
  cluster.elect(1);
  cluster.propose(1, "a");
  cluster.settle();
  const auto term = cluster.raft(1).term();
  const auto last = cluster.raft(1).log().last_index();
  const auto body = GENERATE_COPY(
      as<MessageBody>{},
      AppendRequest{.prev_index = last, .prev_term = term, .commit_index = LogIndex{9}, .pulse{}, .entries = {}},
      Heartbeat{.commit_index = LogIndex{9}, .pulse{}},
      SnapshotRequest{
          .snapshot = {.index = LogIndex{9}, .term = term, .configuration{}}, .done = true, .pulse{}, .data = "state"});
  cluster.step(Message{replica(2), replica(1), term, body});
  cluster.settle();
  CHECK(cluster.raft(1).role() == Role::leader);
  CHECK(cluster.raft(1).log().last_index() == last);
  cluster.propose(1, "b");
  cluster.settle();
  CHECK(cluster.applied(3) == std::vector<std::string>{"a", "b"});
}

TEST_CASE("an entry is acknowledged when it is durable (3.8)", "[raft]") {
  RaftCluster cluster{3};
  cluster.elect(1);
  cluster.slow_disks = {2, 3};
  cluster.propose(1, "a");
  cluster.settle();
  CHECK(cluster.applied(1).empty());
  cluster.flush(2);
  cluster.settle();
  CHECK(cluster.applied(1) == std::vector<std::string>{"a"});
}

TEST_CASE("a majority of followers commits while the leader's disk still writes (10.2.1)", "[raft]") {
  RaftCluster cluster{3};
  cluster.elect(1);
  cluster.slow_disks = {1};
  cluster.propose(1, "a");
  cluster.settle();
  CHECK(cluster.raft(1).log().commit_index() == LogIndex{2});
  CHECK(cluster.applied(1).empty());  // it applies what it has itself
  CHECK(cluster.applied(2) == std::vector<std::string>{"a"});
  cluster.flush(1);
  CHECK(cluster.applied(1) == std::vector<std::string>{"a"});
}

TEST_CASE("an entry of an earlier term is not committed by counting (3.6.2, figure 3.7)", "[raft]") {
  RaftCluster cluster{5};
  // As in the figure: server 1 led term 2, and comes back in term 4 with an entry that only server 2 has too.
  const auto all = voters({1, 2, 3, 4, 5});
  cluster.boot(replica(1), all, {.term = Term{3}}, {entry(1, 1), entry(2, 2)});
  cluster.boot(replica(2), all, {.term = Term{3}}, {entry(1, 1), entry(2, 2)});
  cluster.boot(replica(3), all, {.term = Term{3}}, {entry(1, 1)});
  cluster.boot(replica(4), all, {.term = Term{3}}, {entry(1, 1)});
  cluster.boot(replica(5), all, {.term = Term{3}}, {entry(1, 1), entry(2, 3)});
  cluster.isolated = {5};
  // What a follower is sent of the new term is lost; of the old one it arrives.
  cluster.loses = [](const Message& message) {
    const auto* append = std::get_if<AppendRequest>(&message.body);
    return append != nullptr && !append->entries.empty() && append->entries.back().term > Term{3};
  };
  cluster.elect(1);
  auto to_3 = Message{replica(1), replica(3), Term{4}, AppendRequest{}};
  to_3.body = AppendRequest{
      .prev_index = LogIndex{1}, .prev_term = Term{1}, .commit_index{}, .pulse{}, .entries = {entry(2, 2)}};
  cluster.step(to_3);
  cluster.settle();
  CHECK(cluster.raft(3).log().last_index() == LogIndex{2});  // on a majority now
  CHECK(cluster.raft(1).log().commit_index() == LogIndex{0});

  cluster.loses = {};
  cluster.pass(200ms);
  CHECK(cluster.raft(1).log().commit_index() == LogIndex{3});  // with its own entry behind it, it is
  CHECK(cluster.raft(3).log().commit_index() == LogIndex{3});
}

TEST_CASE("diverged logs are repaired with one refusal a term (3.5, figure 3.6)", "[raft]") {
  RaftCluster cluster{3};
  const auto all = voters({1, 2, 3});
  std::vector<Entry> leads;
  for (const auto term : {1, 1, 1, 4, 4, 5, 5, 6, 6, 6}) leads.push_back(entry(std::ssize(leads) + 1, term));
  std::vector<Entry> diverged;
  for (const auto term : {1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3}) diverged.push_back(entry(std::ssize(diverged) + 1, term));
  cluster.boot(replica(1), all, {.term = Term{7}}, leads);
  cluster.boot(replica(2), all, {.term = Term{7}}, diverged);
  cluster.boot(replica(3), all, {.term = Term{7}}, leads);
  cluster.elect(1);
  int refusals = 0;
  for (const auto& [message, answer] : cluster.sent<AppendResponse>()) refusals += answer.accepted ? 0 : 1;
  CHECK(refusals <= 2);
  CHECK(cluster.raft(2).log().last_index() == LogIndex{11});
  for (std::int64_t index = 1; index <= 11; ++index) {
    CHECK(cluster.raft(2).log().term(LogIndex{index}) == cluster.raft(1).log().term(LogIndex{index}));
  }
}

TEST_CASE("a deposed leader's uncommitted entries give way (3.5)", "[raft]") {
  RaftCluster cluster{3};
  cluster.elect(1);
  cluster.isolated = {1};
  cluster.propose(1, "lost");
  cluster.settle();
  cluster.elect(2);
  cluster.propose(2, "kept");
  cluster.settle();
  cluster.isolated.clear();
  cluster.pass(300ms);
  for (const int node : {1, 2, 3}) CHECK(cluster.applied(node) == std::vector<std::string>{"kept"});
}

TEST_CASE("appends follow each other unanswered, within the window (10.2.1)", "[raft]") {
  RaftCluster cluster{3, {.append_bytes_max = 100, .inflight_messages_max = 4}};
  cluster.elect(1);
  cluster.slow_disks = {2, 3};
  cluster.sent<AppendRequest>();
  for (int i = 0; i < 20; ++i) {
    cluster.propose(1, std::string(80, 'x'));
    cluster.settle();
  }
  std::size_t to_2 = 0;
  for (const auto& [message, request] : cluster.sent<AppendRequest>()) to_2 += message.to == replica(2) ? 1 : 0;
  CHECK(to_2 == 4);
  cluster.slow_disks.clear();
  cluster.settle();
  CHECK(cluster.applied(2).size() == 20);
}

TEST_CASE("proposals that wait for one Ready travel as one message", "[raft]") {
  RaftCluster cluster{3};
  cluster.elect(1);
  cluster.sent<AppendRequest>();
  for (int i = 0; i < 50; ++i) cluster.propose(1, "x");
  cluster.collect();
  for (const auto& [message, request] : cluster.sent<AppendRequest>()) CHECK(request.entries.size() == 50);
}

TEST_CASE("a lost append is noticed by the next heartbeat", "[raft]") {
  RaftCluster cluster{3};
  cluster.elect(1);
  cluster.loses = [](const Message& message) { return std::holds_alternative<AppendRequest>(message.body); };
  cluster.propose(1, "a");
  cluster.settle();
  cluster.loses = {};
  cluster.pass(150ms);
  CHECK(cluster.applied(3) == std::vector<std::string>{"a"});
}

TEST_CASE("a damaged entry is as good as lost", "[raft]") {
  RaftCluster cluster{3};
  auto damaged = entry(1, 1, "sound");
  damaged.data = "found";
  Message message{replica(1), replica(2), Term{1}, AppendRequest{}};
  message.body = AppendRequest{.prev_index{}, .prev_term{}, .commit_index{}, .pulse{}, .entries = {damaged}};
  cluster.step(message);
  CHECK(cluster.raft(2).log().last_index() == LogIndex{0});
  CHECK(cluster.sent<AppendResponse>().empty());
}

TEST_CASE("a follower commits no further than its log was compared (3.5)", "[raft]") {
  RaftCluster cluster{3};
  cluster.boot(replica(2), voters({1, 2, 3}), {.term = Term{3}}, {entry(1, 1), entry(2, 2), entry(3, 2)});
  Message message{replica(1), replica(2), Term{4}, AppendRequest{}};
  message.body = AppendRequest{
      .prev_index = LogIndex{1}, .prev_term = Term{1}, .commit_index = LogIndex{3}, .pulse{}, .entries = {}};
  cluster.step(message);
  CHECK(cluster.raft(2).log().commit_index() == LogIndex{1});
}

TEST_CASE("too much that is not committed refuses more", "[raft]") {
  RaftCluster cluster{3, {.uncommitted_bytes_max = 1000}};
  cluster.elect(1);
  cluster.isolated = {2, 3};
  while (cluster.propose(1, std::string(100, 'x')).refusal == Refusal::none) {
  }
  CHECK(cluster.propose(1, "x").refusal == Refusal::too_much_uncommitted);
  CHECK(cluster.raft(1).log().last_index() < LogIndex{12});
  cluster.isolated.clear();
  cluster.pass(300ms);
  CHECK(cluster.propose(1, "x").refusal == Refusal::none);
}

}  // namespace sluice::test

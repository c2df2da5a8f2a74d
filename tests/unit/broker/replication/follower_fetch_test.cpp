#include "broker/replication/follower_fetch.hpp"

#include <catch2/catch.hpp>

#include "tests/unit/broker/replication/replica_pair.hpp"

namespace sluice::test {
namespace {

using namespace std::chrono_literals;
using State = FollowerFetch::State;

/// An answer without a session's core behind it.
FetchResponse error_answer(const ReplicaPair& pair, ErrorCode error, Offset log_start = kNoOffset) {
  FetchResponse response;
  response.session_id = 1;
  auto& topic = response.responses.emplace_back();
  topic.topic_id = pair.topic_id;
  auto& data = topic.partitions.emplace_back();
  data.error_code = error;
  data.high_watermark = kNoOffset;
  data.log_start_offset = log_start;
  data.records = wire::Records::view({});
  return response;
}

TEST_CASE("a follower's log becomes its leader's, and the high watermark follows", "[replication]") {
  ReplicaPair pair{2};
  pair.append(0, 3);
  pair.append(1, 2);
  pair.settle();
  CHECK(pair.follower_end(0) == Offset{3});
  CHECK(pair.follower_end(1) == Offset{2});
  CHECK(pair.leader.partitions[0]->high_watermark() == Offset{3});
  CHECK(pair.follower.partitions[0]->high_watermark() == Offset{3});
}

TEST_CASE("the first request opens a session and names everything, the next only what has moved", "[replication]") {
  ReplicaPair pair{50};
  const auto first = pair.ask();
  REQUIRE(first);
  CHECK(first->session_epoch == 0);
  CHECK(first->replica_state.replica_id == kFollower);
  CHECK(first->replica_state.replica_epoch == 7);
  CHECK(named(*first) == 50);
  REQUIRE(pair.take(pair.serve(*first)));
  pair.append(17);
  const auto second = pair.ask();
  REQUIRE(second);
  CHECK(named(*second) == 0);
  const auto response = pair.serve(*second);
  CHECK(answered(response) == 1);
  REQUIRE(pair.take(response));
  const auto third = pair.ask();
  REQUIRE(third);
  CHECK(third->session_epoch == 2);
  REQUIRE(named(*third) == 1);
  CHECK(third->topics[0].partitions[0].partition == PartitionId{17});
  CHECK(third->topics[0].partitions[0].fetch_offset == Offset{1});
  CHECK(third->topics[0].partitions[0].last_fetched_epoch == LeaderEpoch{3});
}

TEST_CASE("a follower cuts back what its leader does not have", "[replication]") {
  ReplicaPair pair{1};
  pair.append(0, 2);
  pair.settle();
  // It got one more record from an earlier leader, in epoch 4; the next leader, in epoch 5, never saw it.
  auto stray = batch_of(1, 10, {.base_offset = Offset{2}, .partition_leader_epoch = LeaderEpoch{4}});
  REQUIRE(pair.follower.partitions[0]->log().append_as_follower(stray, kSomeTime).has_value());
  pair.images[0].leader_epoch = LeaderEpoch{5};
  pair.images[0].partition_epoch = broker::controller::PartitionEpoch{1};
  pair.show(pair.leader, 0);
  pair.show(pair.follower, 0);
  pair.append(0, 3);
  pair.fetch.add(pair.follower.partitions[0]);
  pair.settle();
  CHECK(pair.follower_end() == Offset{5});
  CHECK(pair.follower.partitions[0]->log().leader_epoch_at(Offset{2}) == LeaderEpoch{5});
}

TEST_CASE("a follower that ends before its leader's log begins anew there", "[replication]") {
  ReplicaPair pair{1};
  pair.append(0, 5);
  auto& leader = *pair.leader.partitions[0];
  REQUIRE(leader.log().truncate_fully_and_start_at(Offset{100}).has_value());
  pair.append(0, 2);
  pair.settle();
  CHECK(pair.follower_end() == Offset{102});
  CHECK(pair.follower.partitions[0]->log_start_offset() == Offset{100});
}

TEST_CASE("a partition that can't be fetched waits alone, longer each time", "[replication]") {
  ReplicaPair pair{1};
  auto wait = 20ms;
  for (int i = 0; i < 8; ++i) {
    REQUIRE(pair.ask());
    REQUIRE(pair.take(error_answer(pair, ErrorCode::unknown_topic_id)));
    CHECK(pair.fetch.state_of(pair.key(0)) == State::delayed);
    REQUIRE(pair.fetch.next_deadline() == pair.now + wait);
    pair.now += wait;
    wait = std::min(2 * wait, std::chrono::milliseconds{1000});
  }
  const auto again = pair.ask();
  REQUIRE(again);
  CHECK(named(*again) == 1);
}

TEST_CASE("a follower that its leader is ahead of waits for its metadata", "[replication]") {
  ReplicaPair pair{1};
  REQUIRE(pair.ask());
  REQUIRE(pair.take(error_answer(pair, ErrorCode::fenced_leader_epoch)));
  CHECK(pair.fetch.state_of(pair.key(0)) == State::awaiting_metadata);
  SECTION("which tells") {
    pair.fetch.add(pair.follower.partitions[0]);
    CHECK(pair.fetch.state_of(pair.key(0)) == State::fetching);
  }
  SECTION("or asks again after a while") {
    pair.now += 1s;
    const auto again = pair.ask();
    REQUIRE(again);
    CHECK(named(*again) == 1);
  }
}

TEST_CASE("a lost session is begun anew with everything", "[replication]") {
  ReplicaPair pair{3};
  pair.settle();
  pair.session.reset();
  const auto incremental = pair.ask();
  REQUIRE(incremental);
  CHECK_FALSE(pair.take(pair.serve(*incremental)));
  const auto full = pair.ask();
  REQUIRE(full);
  CHECK(full->session_epoch == 0);
  CHECK(named(*full) == 3);
}

TEST_CASE("a partition that is added while a request waits is asked for at once", "[replication]") {
  ReplicaPair pair{2};
  pair.fetch.remove(pair.key(1));
  pair.settle();
  const auto waiting = pair.fetch.under_way() == 0 ? pair.ask() : std::nullopt;
  REQUIRE(waiting);
  CHECK_FALSE(pair.ask());
  pair.fetch.add(pair.follower.partitions[1]);
  const auto second = pair.ask();
  REQUIRE(second);
  CHECK(named(*second) == 1);
  CHECK_FALSE(pair.ask());
}

TEST_CASE("an answer to a request before the one that named a partition last is passed over", "[replication]") {
  ReplicaPair pair{1};
  pair.settle();
  const auto first = pair.ask();
  REQUIRE(first);
  pair.append(0);
  const auto late = pair.serve(*first);
  pair.images[0].leader_epoch = LeaderEpoch{4};
  pair.images[0].partition_epoch = broker::controller::PartitionEpoch{1};
  pair.show(pair.follower, 0);
  pair.fetch.add(pair.follower.partitions[0]);
  REQUIRE(pair.ask());
  REQUIRE(pair.take(late));
  CHECK(pair.follower_end() == Offset{0});
}

TEST_CASE("records of an epoch that is over are not appended", "[replication]") {
  ReplicaPair pair{1};
  pair.settle();
  const auto request = pair.ask();
  REQUIRE(request);
  pair.append(0);
  const auto late = pair.serve(*request);
  pair.images[0].leader_epoch = LeaderEpoch{4};
  pair.images[0].partition_epoch = broker::controller::PartitionEpoch{1};
  pair.show(pair.follower, 0);  // and nobody has told the fetcher yet
  REQUIRE(pair.take(late));
  CHECK(pair.follower_end() == Offset{0});
}

TEST_CASE("a leader is told what is synced once it has accepted the follower's log", "[replication]") {
  ReplicaPair pair{1, broker::config::Durability::fsync};
  pair.append(0, 2);
  pair.leader.sync();
  CHECK(pair.leader.partitions[0]->high_watermark() == Offset{0});

  const auto first = pair.ask();
  REQUIRE(first);
  CHECK(first->max_wait_ms == 0);  // it waits for the leader's word
  pair.fetch.note_synced(pair.key(0));
  CHECK_FALSE(pair.fetch.has_progress());
  REQUIRE(pair.take(pair.serve(*first)));
  const auto accepted = pair.fetch.take_progress(10);
  REQUIRE(accepted.size() == 1);
  CHECK(accepted[0].synced_end == Offset{0});
  CHECK(accepted[0].leader_epoch == LeaderEpoch{3});

  REQUIRE(pair.take(pair.serve(*pair.ask())));
  CHECK(pair.leader.partitions[0]->high_watermark() == Offset{0});
  pair.follower.sync();
  REQUIRE(pair.follower.synced.size() == 1);
  pair.fetch.note_synced(pair.follower.synced[0]);
  const auto synced = pair.fetch.take_progress(10);
  REQUIRE(synced.size() == 1);
  CHECK(synced[0].synced_end == Offset{2});
  pair.leader.partitions[0]->note_synced(kFollower, synced[0].leader_epoch, synced[0].synced_end);
  CHECK(pair.leader.partitions[0]->high_watermark() == Offset{2});

  SECTION("and again when the message may be lost") {
    pair.fetch.on_failure();
    pair.settle();
    const auto again = pair.fetch.take_progress(10);
    REQUIRE(again.size() == 1);
    CHECK(again[0] == synced[0]);
  }
  SECTION("not of another leader epoch before that is accepted") {
    pair.images[0].leader_epoch = LeaderEpoch{4};
    pair.images[0].partition_epoch = broker::controller::PartitionEpoch{1};
    pair.show(pair.follower, 0);
    pair.fetch.note_synced(pair.key(0));
    CHECK(pair.fetch.take_progress(10).empty());
  }
}

TEST_CASE("what leaves a fetcher is forgotten by the session", "[replication]") {
  ReplicaPair pair{2};
  pair.settle();
  pair.fetch.remove(pair.key(0));
  const auto request = pair.ask();
  REQUIRE(request);
  REQUIRE(request->forgotten_topics_data.size() == 1);
  REQUIRE(pair.take(pair.serve(*request)));
  CHECK(pair.session->partition_count() == 1);
}

TEST_CASE("idle partitions are neither named nor looked at", "[replication]") {
  ReplicaPair pair{400};
  pair.settle();
  pair.append(7);
  const auto request = pair.ask();
  REQUIRE(request);
  CHECK(request->topics.empty());
  const auto response = pair.serve(*request);
  CHECK(pair.looked_at == 1);
  CHECK(answered(response) == 1);
}

}  // namespace
}  // namespace sluice::test

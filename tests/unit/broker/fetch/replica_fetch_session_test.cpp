#include "broker/fetch/replica_fetch_session.hpp"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <ctime>
#include <iostream>

#include "broker/fetch/replica_fetch_sessions.hpp"
#include "broker/replication/replica_progress.hpp"
#include "tests/support/fake_request.hpp"
#include "tests/unit/broker/replication/replica_pair.hpp"

namespace sluice::test {
namespace {

using namespace std::chrono_literals;
using broker::fetch::ReplicaFetchSessions;
using broker::fetch::SessionWaiter;

struct Waiter final : SessionWaiter {
  void on_session_progress() noexcept override { ++told; }
  bool give_way() override { return gives_way; }
  int told = 0;
  bool gives_way = true;
};

TEST_CASE("sessions are for brokers that are registered", "[fetch]") {
  FakeBroker fake;
  fake.connection.for_peers = true;
  protocol::FetchRequest request;
  request.replica_state.replica_id = BrokerId{7};
  request.session_epoch = GENERATE(0, -1, 1);
  const auto answer = fake.ask<protocol::Fetch>(request);
  REQUIRE(answer.has_value());
  CHECK(answer->error_code == ErrorCode::broker_id_not_registered);
}

TEST_CASE("a waiting fetch is told of an append at once, and of it alone", "[fetch]") {
  ReplicaPair pair{2};
  pair.settle();
  const auto waiter = std::make_shared<Waiter>();
  REQUIRE_FALSE(pair.session->has_news());
  REQUIRE(pair.session->wait(waiter));
  pair.append(1);
  CHECK(waiter->told == 1);
  pair.append(0);
  CHECK(waiter->told == 1);  // it looks at all that moved
  CHECK(pair.session->has_news());
  CHECK(answered(pair.answer()) == 2);
}

TEST_CASE("what moves between the look and the wait is not missed", "[fetch]") {
  ReplicaPair pair{1};
  pair.settle();
  const auto waiter = std::make_shared<Waiter>();
  REQUIRE_FALSE(pair.session->has_news());
  pair.append(0);
  CHECK_FALSE(pair.session->wait(waiter));
}

TEST_CASE("a partition that was answered is left alone until it is named again", "[fetch]") {
  ReplicaPair pair{1};
  pair.settle();
  pair.append(0);
  CHECK(answered(pair.answer()) == 1);
  pair.append(0);
  CHECK(answered(pair.answer()) == 0);
}

TEST_CASE("a follower's fetches move the high watermark", "[fetch]") {
  ReplicaPair pair{1};
  pair.append(0, 4);
  auto& leader = *pair.leader.partitions[0];
  REQUIRE(pair.take(pair.serve(*pair.ask())));
  CHECK(leader.high_watermark() == Offset{0});
  const auto request = pair.ask();
  SECTION("when they name where they go on") {
    pair.serve(*request);
    CHECK(leader.high_watermark() == Offset{4});
  }
  SECTION("not those of an earlier life") {
    pair.is_stale = true;
    const auto response = pair.serve(*request);
    REQUIRE(answered(response) == 1);
    CHECK(response.responses[0].partitions[0].error_code == ErrorCode::not_leader_or_follower);
    CHECK(leader.high_watermark() == Offset{0});
  }
  SECTION("not in a leader epoch that is over") {
    pair.images[0].leader_epoch = LeaderEpoch{4};
    pair.images[0].partition_epoch = broker::controller::PartitionEpoch{1};
    pair.show(pair.leader, 0);
    const auto response = pair.serve(*request);
    REQUIRE(answered(response) == 1);
    const auto& data = response.responses[0].partitions[0];
    CHECK(data.error_code == ErrorCode::fenced_leader_epoch);
    CHECK(data.current_leader.leader_id == kLeader);
    CHECK(data.current_leader.leader_epoch == LeaderEpoch{4});
    CHECK(leader.high_watermark() == Offset{0});
  }
}

TEST_CASE("a follower that diverges is told so and does not count", "[fetch]") {
  ReplicaPair pair{1};
  pair.append(0, 1);
  auto stray = batch_of(3, 10, {.partition_leader_epoch = LeaderEpoch{2}});
  REQUIRE(pair.follower.partitions[0]->log().append_as_follower(stray, kSomeTime).has_value());
  pair.append(0, 5);
  const auto response = pair.serve(*pair.ask());
  REQUIRE(answered(response) == 1);
  const auto& data = response.responses[0].partitions[0];
  CHECK(data.error_code == ErrorCode::none);
  CHECK(data.diverging_epoch.end_offset == Offset{0});
  CHECK(data.records.size() == 0);
  CHECK(pair.leader.partitions[0]->high_watermark() == Offset{0});
  REQUIRE(pair.take(response));
  pair.settle();
  CHECK(pair.follower_end() == Offset{6});
}

TEST_CASE("a lost leadership is told to a follower that waits", "[fetch]") {
  ReplicaPair pair{1};
  pair.settle();
  const auto waiter = std::make_shared<Waiter>();
  REQUIRE(pair.session->wait(waiter));
  pair.images[0].leader = kFollower;
  pair.images[0].leader_epoch = LeaderEpoch{4};
  pair.images[0].partition_epoch = broker::controller::PartitionEpoch{1};
  pair.show(pair.leader, 0);
  CHECK(waiter->told == 1);
  const auto response = pair.answer();
  REQUIRE(answered(response) == 1);
  CHECK(response.responses[0].partitions[0].current_leader.leader_id == kFollower);
}

TEST_CASE("who misses only the newest records is served before who has far to catch up, mostly", "[fetch]") {
  ReplicaPair pair{3};
  for (int i = 0; i < 60; ++i) {
    pair.append(0, 1, 30'000);
    pair.append(1, 1, 30'000);
  }
  constexpr std::int32_t kRoom = 100'000;
  REQUIRE(pair.take(pair.serve(*pair.ask(), kRoom)));
  int near_served = 0;
  int far_rounds = 0;
  for (int round = 0; round < 12; ++round) {
    pair.append(2, 1, 30'000);
    const auto before = pair.follower_end(0) - Offset{0} + (pair.follower_end(1) - Offset{0});
    REQUIRE(pair.take(pair.serve(*pair.ask(), kRoom)));
    near_served += pair.follower_end(2) == pair.leader.partitions[2]->log_end_offset();
    far_rounds += pair.follower_end(0) - Offset{0} + (pair.follower_end(1) - Offset{0}) > before;
  }
  CHECK(near_served >= 8);
  CHECK(far_rounds == 12);
}

TEST_CASE("requests of a session are taken in their order", "[fetch]") {
  ReplicaPair pair{1};
  pair.settle();
  const auto request = pair.ask();
  REQUIRE(request);
  CHECK(pair.serve(*request).error_code == ErrorCode::none);
  CHECK(pair.serve(*request).error_code == ErrorCode::invalid_fetch_session_epoch);
}

TEST_CASE("idle followers are counted a part at a time", "[fetch]") {
  ReplicaPair pair{5};
  pair.settle();
  pair.now += 100s;
  pair.serve(*pair.ask());  // names nothing
  pair.session->begin_turns();
  CHECK(pair.session->note_idle(3, false));
  CHECK_FALSE(pair.session->note_idle(3, false));
  CHECK_FALSE(pair.session->note_idle(3, false));
  for (std::size_t number = 0; number < 5; ++number) {
    pair.append(static_cast<int>(number));
    auto& leader = *pair.leader.partitions[number];
    leader.check_isr(pair.now + 1s);
    CHECK_FALSE(leader.take_isr_change(pair.now + 1s));
  }
}

// SLUICE_PARTITIONS=100000 broker_tests "[.cost]": how long the thread of the quorum is held, in all and at once.
TEST_CASE("a look at all followers is short at a time", "[.cost]") {
  // Of this thread's own time, whatever else the machine does.
  const auto now = [] {
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
  };
  const auto ms_since = [&](double start) { return now() - start; };
  const char* wanted = std::getenv("SLUICE_PARTITIONS");
  ReplicaPair pair{wanted == nullptr ? 10'000 : std::atoi(wanted)};
  pair.settle();
  auto& partitions = pair.leader.partitions;
  double longest = 0;
  auto begun = now();
  for (std::size_t from = 0; from < partitions.size(); from += 1000) {
    const auto slice = now();
    const auto end = std::min(from + 1000, partitions.size());
    for (auto number = from; number < end; ++number) partitions[number]->check_isr(pair.now);
    longest = std::max(longest, ms_since(slice));
  }
  std::cout << "partitions=" << partitions.size() << " check_isr ms=" << ms_since(begun) << " longest=" << longest;
  longest = 0;
  begun = now();
  pair.session->begin_turns();
  for (bool more = true; more;) {
    const auto slice = now();
    more = pair.session->note_idle(1000, false);
    longest = std::max(longest, ms_since(slice));
  }
  std::cout << " note_idle ms=" << ms_since(begun) << " longest=" << longest << "\n";
}

TEST_CASE("a follower that has everything is in sync, however long ago it said so", "[fetch]") {
  ReplicaPair pair{1};
  pair.settle();
  auto& leader = *pair.leader.partitions[0];
  pair.now += 100s;
  pair.serve(*pair.ask());  // names nothing
  pair.session->begin_turns();
  CHECK_FALSE(pair.session->note_idle(1, false));
  pair.append(0);
  pair.now += 1s;
  leader.check_isr(pair.now);
  CHECK_FALSE(leader.take_isr_change(pair.now));
  pair.now += 31s;
  leader.check_isr(pair.now);
  CHECK(leader.take_isr_change(pair.now));
}

TEST_CASE("a follower's sessions end with its life, and when nobody uses them", "[fetch]") {
  ReplicaFetchSessions sessions;
  const ReplicaFetchSessions::Instant start{1h};
  const auto first = sessions.begin({kFollower, BrokerEpoch{1}}, start);
  CHECK(sessions.find(kFollower, first->id(), start) == first);
  CHECK(sessions.find(kLeader, first->id(), start) == nullptr);
  SECTION("its next life") {
    sessions.begin({kFollower, BrokerEpoch{2}}, start);
    CHECK(sessions.session_count() == 1);
  }
  SECTION("unused") {
    sessions.begin({BrokerId{3}, BrokerEpoch{2}}, start + 3min);
    CHECK(sessions.session_count() == 1);
  }
  SECTION("not more than so many") {
    for (std::size_t i = 0; i < ReplicaFetchSessions::kPerReplica + 5; ++i) {
      sessions.begin({kFollower, BrokerEpoch{1}}, start);
    }
    CHECK(sessions.session_count() == ReplicaFetchSessions::kPerReplica);
  }
}

TEST_CASE("replica progress comes out as it went in", "[replication]") {
  using broker::replication::ReplicaProgress;
  const auto one = Uuid::random();
  const auto two = Uuid::random();
  const ReplicaProgress progress{.replica = kFollower,
                                 .broker_epoch = BrokerEpoch{9},
                                 .items = {{one, PartitionId{0}, LeaderEpoch{3}, Offset{100}},
                                           {one, PartitionId{4}, LeaderEpoch{1}, Offset{0}},
                                           {two, PartitionId{0}, LeaderEpoch{2}, Offset{5'000'000'000}}}};
  const auto bytes = broker::replication::encode(progress);
  const auto* data = reinterpret_cast<const std::byte*>(bytes.data());
  CHECK(broker::replication::decode_replica_progress({data, bytes.size()}) == progress);
  CHECK_FALSE(broker::replication::decode_replica_progress({data, bytes.size() - 1}));
}

}  // namespace
}  // namespace sluice::test

#include <catch2/catch.hpp>

#include "broker/controller/replica_state.hpp"
#include "broker/controller/unclean_elections.hpp"
#include "tests/support/fake_cluster_state.hpp"

// Who leads a partition, and who may: fencing, unfencing, controlled shutdown, registration after a crash (KIP-841,
// KIP-966), and leaders elected by hand (KIP-460).

namespace sluice {
namespace {

using broker::controller::Circumstances;
using broker::controller::LeaderRecovery;
using broker::controller::ReplicaState;
using protocol::ErrorCode;
using test::FakeCluster;
using test::ids;

/// A topic of one partition on brokers 1, 2 and 3, led by 1.
struct OneTopic : FakeCluster {
  explicit OneTopic(int min_in_sync = 1) : FakeCluster(3) {
    protocol::CreateTopicsRequest request;
    auto& topic = request.topics.emplace_back();
    topic.name = "t";
    topic.num_partitions = topic.replication_factor = -1;
    topic.assignments.emplace_back().broker_ids = ids({1, 2, 3});
    auto& config = topic.configs.emplace_back();
    config.name = "min.insync.replicas";
    config.value = std::to_string(min_in_sync);
    REQUIRE(handle(request).topics.at(0).error_code == ErrorCode::none);
  }
  const auto& it() const { return partition("t"); }
  ErrorCode elect(std::int8_t type, const std::string& topic = "t", std::int32_t number = 0) {
    protocol::ElectLeadersRequest request;
    request.election_type = type;
    auto& asked = request.topic_partitions->emplace_back();
    asked.topic = topic;
    asked.partitions = {PartitionId{number}};
    return handle(request).replica_election_results.at(0).partition_result.at(0).error_code;
  }
};

}  // namespace

TEST_CASE("a fenced leader's partition is led by the next in-sync replica, in a new epoch", "[controller]") {
  OneTopic cluster;
  const auto before = cluster.it();
  cluster.fence(1);
  CHECK(cluster.it().leader == BrokerId{2});
  CHECK(cluster.it().isr == ids({2, 3}));
  CHECK(cluster.it().leader_epoch.value() == before.leader_epoch.value() + 1);
  CHECK(cluster.it().partition_epoch.value() == before.partition_epoch.value() + 1);
  CHECK(cluster.broker(1).fenced);
  CHECK(cluster.state.fence(BrokerId{1}).empty());

  cluster.fence(3);  // a follower: the leader goes on in its epoch
  CHECK(cluster.it().isr == ids({2}));
  CHECK(cluster.it().leader_epoch.value() == before.leader_epoch.value() + 1);
}

TEST_CASE("the last in-sync replica stays in the ISR, and leads again when it is back", "[controller]") {
  OneTopic cluster;
  for (const auto id : {1, 2, 3}) cluster.fence(id);
  CHECK(cluster.it().leader == kNoBroker);
  CHECK(cluster.it().isr == ids({3}));
  cluster.heartbeat(1);
  CHECK(cluster.it().leader == kNoBroker);
  CHECK(cluster.heartbeat(3).fenced == false);
  CHECK(cluster.it().leader == BrokerId{3});
  CHECK(cluster.it().recovery == LeaderRecovery::recovered);
}

TEST_CASE("who leaves an ISR that is too small then is eligible, and leads when no one in sync is there",
          "[controller]") {
  OneTopic cluster{2};
  cluster.fence(2);
  CHECK(cluster.it().elr.empty());
  cluster.fence(3);
  CHECK(cluster.it().isr == ids({1}));
  CHECK(cluster.it().elr == ids({3}));
  cluster.fence(1);
  CHECK(cluster.it().leader == kNoBroker);
  cluster.heartbeat(2);  // not eligible: it missed what came while there were two others
  CHECK(cluster.it().leader == kNoBroker);
  cluster.heartbeat(3);
  CHECK(cluster.it().leader == BrokerId{3});
  CHECK(cluster.it().isr == ids({3}));
  CHECK(cluster.it().elr == ids({1}));
  CHECK(cluster.it().recovery == LeaderRecovery::recovered);
  CHECK(cluster.change_isr("t", {3, 2}) == ErrorCode::none);
  CHECK(cluster.it().elr.empty());
}

TEST_CASE("the ELR ends when fewer replicas are to suffice", "[controller]") {
  OneTopic cluster{2};
  cluster.fence(2);
  cluster.fence(3);
  REQUIRE(cluster.it().elr == ids({3}));
  CHECK(cluster.set("t", "min.insync.replicas", "1") == ErrorCode::none);
  CHECK(cluster.it().elr.empty());
}

TEST_CASE("a broker that lost its tail is neither in sync nor eligible when it is back", "[controller]") {
  OneTopic cluster{2};
  SECTION("others are in sync") {
    cluster.start(2, false);
    CHECK(cluster.it().isr == ids({1, 3}));
  }
  SECTION("it was eligible") {
    cluster.fence(2);
    cluster.fence(3);
    cluster.start(3, false);
    CHECK(cluster.it().elr.empty());
  }
  SECTION("it was the last in sync, and another is eligible: that one leads") {
    cluster.fence(2);
    cluster.fence(3);
    cluster.fence(1);
    cluster.start(1, false);
    CHECK(cluster.it().isr.empty());
    CHECK(cluster.it().elr == ids({3}));
    cluster.heartbeat(1);
    CHECK(cluster.it().leader == kNoBroker);
    cluster.heartbeat(3);
    CHECK(cluster.it().leader == BrokerId{3});
    CHECK(cluster.it().recovery == LeaderRecovery::recovered);
  }
  SECTION("nobody else is left: it leads, and it is told that something may be lost") {
    OneTopic alone{1};
    for (const auto id : {1, 2, 3}) alone.fence(id);
    alone.start(3, false);
    alone.heartbeat(3);
    CHECK(alone.it().leader == BrokerId{3});
    CHECK(alone.it().recovery == LeaderRecovery::recovering);
    CHECK(alone.change_isr("t", {3}) == ErrorCode::none);
    CHECK(alone.it().recovery == LeaderRecovery::recovered);
  }
  SECTION("all that were eligible lost it: the last known leader leads, and it is told") {
    cluster.fence(2);
    cluster.fence(3);
    cluster.fence(1);
    cluster.start(1, false);
    cluster.start(3, false);
    CHECK(cluster.it().elr.empty());
    CHECK(cluster.it().last_known_elr == ids({1}));
    cluster.heartbeat(3);
    CHECK(cluster.it().leader == kNoBroker);
    cluster.heartbeat(1);
    CHECK(cluster.it().leader == BrokerId{1});
    CHECK(cluster.it().isr == ids({1}));
    CHECK(cluster.it().recovery == LeaderRecovery::recovering);
  }
}

TEST_CASE("an unclean leader is elected only where that is allowed, and it is told", "[controller]") {
  OneTopic cluster;
  cluster.fence(2);
  cluster.fence(1);
  cluster.fence(3);
  REQUIRE(cluster.it().isr == ids({3}));
  cluster.heartbeat(2);
  CHECK(cluster.it().leader == kNoBroker);
  cluster.state.take_change();
  SECTION("by the topic's setting") {
    cluster.set("t", "unclean.leader.election.enable", "true");
    cluster.apply(cluster.state.repair(10));
  }
  SECTION("by hand") { CHECK(cluster.elect(1) == ErrorCode::none); }
  CHECK(cluster.it().leader == BrokerId{2});
  CHECK(cluster.it().isr == ids({2}));
  CHECK(cluster.it().elr.empty());
  CHECK(cluster.it().recovery == LeaderRecovery::recovering);
  const auto told = broker::controller::unclean_elections(cluster.state.take_change().delta);
  REQUIRE(told.size() == 1);
  CHECK(told[0] == broker::controller::UncleanElection{"t", PartitionId{0}, BrokerId{2}, cluster.it().leader_epoch});
  cluster.change_isr("t", {2});
  CHECK(broker::controller::unclean_elections(cluster.state.take_change().delta).empty());
}

TEST_CASE("a controlled shutdown hands over, and the broker may go", "[controller]") {
  OneTopic cluster;
  const auto response = cluster.begin_shutdown(1);
  CHECK(response.may_shut_down);
  CHECK(cluster.it().leader == BrokerId{2});
  CHECK(cluster.it().isr == ids({2, 3}));
  CHECK(cluster.broker(1).in_controlled_shutdown);
  CHECK(cluster.change_isr("t", {2, 3, 1}) == ErrorCode::ineligible_replica);
  cluster.fence(3);
  cluster.begin_shutdown(2);
  CHECK(cluster.it().leader == BrokerId{2});  // to the end: nobody else has it all
  cluster.fence(1);
  cluster.start(1);
  CHECK_FALSE(cluster.broker(1).in_controlled_shutdown);
}

TEST_CASE("an ISR is changed only by who leads, with what holds, to who is there", "[controller]") {
  OneTopic cluster;
  auto request = cluster.ask_for_isr("t", {1, 2});
  const auto code = [&] {
    const auto response = cluster.handle(request);
    return response.error_code == ErrorCode::none ? response.items.at(0).error_code : response.error_code;
  };
  auto& change = request.changes[0];
  const auto good = request;
  SECTION("an older leader epoch") {
    cluster.fence(1);
    CHECK(code() == ErrorCode::fenced_leader_epoch);
  }
  SECTION("epochs that this controller doesn't know yet") {
    change.leader_epoch = LeaderEpoch{9};
    CHECK(code() == ErrorCode::not_controller);
  }
  SECTION("an older partition epoch") {
    CHECK(code() == ErrorCode::none);
    CHECK(cluster.it().isr == ids({1, 2}));
    CHECK(code() == ErrorCode::invalid_update_version);
  }
  SECTION("not the leader") {
    request.broker = BrokerId{2};
    request.broker_epoch = cluster.broker(2).epoch;
    CHECK(code() == ErrorCode::not_leader_or_follower);
  }
  SECTION("a life before this one") {
    request.broker_epoch = broker::controller::BrokerEpoch{0};
    CHECK(code() == ErrorCode::stale_broker_epoch);
  }
  SECTION("a member of a life before") {
    change.isr[1].epoch = broker::controller::BrokerEpoch{0};
    CHECK(code() == ErrorCode::ineligible_replica);
  }
  SECTION("a fenced member") {
    cluster.fence(3);
    request = cluster.ask_for_isr("t", {1, 2, 3});
    CHECK(code() == ErrorCode::ineligible_replica);
  }
  SECTION("without the leader, twice the same, or no replica") {
    change.isr = {good.changes[0].isr[1]};
    CHECK(code() == ErrorCode::invalid_request);
    change.isr = {good.changes[0].isr[0], good.changes[0].isr[0]};
    CHECK(code() == ErrorCode::invalid_request);
    change.isr = {good.changes[0].isr[0], {.id = BrokerId{9}}};
    CHECK(code() == ErrorCode::invalid_request);
  }
  SECTION("no such topic") {
    change.topic_id = Uuid{};
    CHECK(code() == ErrorCode::unknown_topic_id);
  }
  SECTION("what holds already is answered so") {
    request = cluster.ask_for_isr("t", {3, 2, 1});
    CHECK(cluster.state.handle(request).records.empty());
    CHECK(code() == ErrorCode::none);
  }
}

TEST_CASE("leaders are elected by hand where there is something to elect", "[controller]") {
  OneTopic cluster;
  CHECK(cluster.elect(0) == ErrorCode::election_not_needed);
  CHECK(cluster.elect(1) == ErrorCode::election_not_needed);
  CHECK(cluster.elect(0, "u") == ErrorCode::unknown_topic_or_partition);
  CHECK(cluster.elect(0, "t", 7) == ErrorCode::unknown_topic_or_partition);
  cluster.fence(1);
  CHECK(cluster.elect(0) == ErrorCode::preferred_leader_not_available);
  cluster.heartbeat(1);
  CHECK(cluster.elect(0) == ErrorCode::preferred_leader_not_available);  // not in sync yet
  CHECK(cluster.change_isr("t", {2, 3, 1}) == ErrorCode::none);
  CHECK(cluster.it().leader == BrokerId{2});
  SECTION("one") { CHECK(cluster.elect(0) == ErrorCode::none); }
  SECTION("all: those that need nothing are not told of") {
    cluster.create("u", 3, 1);
    protocol::ElectLeadersRequest request;
    request.topic_partitions = std::nullopt;
    const auto response = cluster.handle(request);
    REQUIRE(response.replica_election_results.size() == 1);
    CHECK(response.replica_election_results[0].topic == "t");
  }
  SECTION("by itself, where the imbalance is large enough") {
    CHECK(cluster.state.balance_leaders(100, 10).empty());
    cluster.apply(cluster.state.balance_leaders(10, 10));
  }
  CHECK(cluster.it().leader == BrokerId{1});
  for (const auto id : {1, 2, 3}) cluster.fence(id);
  CHECK(cluster.elect(1) == ErrorCode::eligible_leaders_not_available);
}

TEST_CASE("a process takes over its own disks at once, and nobody else's while they live", "[controller]") {
  FakeCluster cluster{2};
  const auto epoch = cluster.broker(1).epoch;
  CHECK(cluster.start(1).error_code == ErrorCode::none);
  CHECK(cluster.broker(1).fenced);
  CHECK(cluster.broker(1).epoch.value() == cluster.state.image().version().value());
  CHECK(cluster.broker(1).epoch > epoch);

  broker::controller::RegisterBrokerRequest other{.cluster_id = "test-cluster", .broker = test::broker_image(1)};
  other.broker.directories = {test::directory_of(1, 7)};
  other.broker.incarnation = Uuid{{9}};
  Circumstances silent;
  silent.has_session = [](BrokerId) { return false; };
  CHECK(cluster.handle(other, Circumstances{}).error_code == ErrorCode::duplicate_broker_registration);
  CHECK(cluster.handle(other, silent).error_code == ErrorCode::none);
  // An answer that was lost is asked for again: the same life, the same epoch.
  const auto again = cluster.broker(1).epoch;
  CHECK(cluster.handle(other, Circumstances{}).epoch == again);
  CHECK(cluster.broker(1).epoch == again);

  other.cluster_id = "another";
  CHECK(cluster.handle(other, silent).error_code == ErrorCode::inconsistent_cluster_id);
  other.cluster_id = "";
  other.metadata_version_min = other.metadata_version_max = 9;
  CHECK(cluster.handle(other, silent).error_code == ErrorCode::unsupported_version);
}

TEST_CASE("a broker that comes back without a disk lost what was on it, however it was shut down", "[controller]") {
  OneTopic cluster{2};
  for (const auto id : {2, 3, 1}) cluster.fence(id);
  REQUIRE(cluster.it().isr == ids({1}));
  REQUIRE(cluster.it().elr == ids({3}));
  broker::controller::RegisterBrokerRequest wiped{.broker = test::broker_image(1)};
  wiped.broker.directories = {test::directory_of(1, 7)};
  wiped.broker.incarnation = Uuid{{9}};
  Circumstances silent;
  silent.has_session = [](BrokerId) { return false; };
  CHECK(cluster.handle(wiped, silent).error_code == ErrorCode::none);
  CHECK(cluster.it().isr.empty());
  cluster.heartbeat(1);
  CHECK(cluster.it().leader == kNoBroker);

  auto failing = cluster.heartbeat_of(1);
  failing.offline_directories = wiped.broker.directories;
  CHECK(cluster.handle(failing).fenced);
  CHECK(cluster.broker(1).fenced);
}

TEST_CASE("the last in sync that comes back with an empty disk leads nothing while others have copies",
          "[controller]") {
  OneTopic cluster;
  for (const auto id : {2, 3, 1}) cluster.fence(id);
  REQUIRE(cluster.it().isr == ids({1}));
  REQUIRE(cluster.it().elr.empty());
  broker::controller::RegisterBrokerRequest wiped{.broker = test::broker_image(1)};
  wiped.broker.directories = {test::directory_of(1, 7)};
  wiped.broker.incarnation = Uuid{{9}};
  Circumstances silent;
  silent.has_session = [](BrokerId) { return false; };
  REQUIRE(cluster.handle(wiped, silent).error_code == ErrorCode::none);
  for (const auto id : {1, 2, 3}) cluster.heartbeat(id);
  CHECK(cluster.it().leader == kNoBroker);
  CHECK(cluster.it().isr.empty());
  CHECK(cluster.it().last_known_elr.empty());
  CHECK(cluster.elect(1) == ErrorCode::none);  // by hand, and told of
  CHECK(cluster.it().leader != kNoBroker);
  CHECK(cluster.it().recovery == LeaderRecovery::recovering);
}

TEST_CASE("what a broker can't serve is led by others, where they can, and it is in sync no more", "[controller]") {
  OneTopic cluster;
  const auto topic = cluster.state.image().find_topic("t")->id;
  auto request = cluster.heartbeat_of(1);
  request.offline_replicas = {{.topic_id = topic, .partition = PartitionId{0}},
                              {.topic_id = topic, .partition = PartitionId{99}},
                              {.topic_id = Uuid{{42}}, .partition = PartitionId{0}}};
  SECTION("they can") {
    CHECK(cluster.handle(request).error_code == ErrorCode::none);
    CHECK(cluster.it().leader == BrokerId{2});
    CHECK(cluster.it().isr == ids({2, 3}));
    CHECK_FALSE(cluster.broker(1).fenced);  // it serves the rest
    const auto after = cluster.it();
    CHECK(cluster.handle(request).error_code == ErrorCode::none);
    CHECK(cluster.it() == after);
  }
  SECTION("they can't") {
    cluster.fence(2);
    cluster.fence(3);
    const auto alone = cluster.it();
    CHECK(cluster.handle(request).error_code == ErrorCode::none);
    CHECK(cluster.it() == alone);
    CHECK(alone.leader == BrokerId{1});
  }
}

TEST_CASE("a broker is unfenced when its image shows its registration, and only of its life", "[controller]") {
  FakeCluster cluster{1};
  cluster.start(1);
  auto request = cluster.heartbeat_of(1);
  request.metadata_offset = Offset{request.epoch.value() - 1};
  CHECK(cluster.handle(request).fenced);
  request.metadata_offset = Offset{request.epoch.value()};
  request.wants_fence = true;
  CHECK(cluster.handle(request).fenced);
  request.wants_fence = false;
  CHECK_FALSE(cluster.handle(request).fenced);
  CHECK_FALSE(cluster.broker(1).fenced);
  request.epoch = broker::controller::BrokerEpoch{0};
  CHECK(cluster.handle(request).error_code == ErrorCode::stale_broker_epoch);
  request.id = BrokerId{9};
  CHECK(cluster.handle(request).error_code == ErrorCode::broker_id_not_registered);
}

TEST_CASE("an unregistered broker leads nothing and is gone", "[controller]") {
  OneTopic cluster;
  protocol::UnregisterBrokerRequest request;
  request.broker_id = BrokerId{1};
  CHECK(cluster.handle(request).error_code == ErrorCode::none);
  CHECK(cluster.state.image().find_broker(BrokerId{1}) == nullptr);
  CHECK(cluster.it().leader == BrokerId{2});
  CHECK(replica_state(cluster.state.image(), "t", PartitionId{0}, BrokerId{1}) == ReplicaState::offline);
  CHECK(replica_state(cluster.state.image(), "t", PartitionId{0}, BrokerId{2}) == ReplicaState::online);
  CHECK(replica_state(cluster.state.image(), "t", PartitionId{5}, BrokerId{2}) == ReplicaState::non_existent);
  CHECK(cluster.handle(request).error_code == ErrorCode::broker_id_not_registered);
}

}  // namespace sluice

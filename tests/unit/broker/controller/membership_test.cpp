#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "broker/controller/command_size.hpp"
#include "broker/controller/features.hpp"
#include "tests/support/fake_cluster_state.hpp"

// Nodes that join, internal topics that grow to them, features.

namespace sluice {
namespace {

using broker::controller::Circumstances;
using broker::controller::JoinRequest;
using protocol::ErrorCode;
using test::FakeCluster;
using test::ids;

ErrorCode update(FakeCluster& cluster, std::string_view feature, std::int16_t level, std::int8_t type = 1) {
  protocol::UpdateFeaturesRequest request;
  auto& one = request.feature_updates.emplace_back();
  one.feature = feature;
  one.max_version_level = level;
  one.upgrade_type = type;
  return cluster.handle(request).error_code;
}

}  // namespace

TEST_CASE("an internal topic has the replicas that the cluster can give, and gets more when brokers join",
          "[controller]") {
  FakeCluster cluster{1};
  REQUIRE(cluster.create("__consumer_offsets", 6, -1).replication_factor == 1);
  CHECK(cluster.state.grow_internal_topics(100).empty());
  for (const auto id : {2, 3, 4}) {
    cluster.start(id);
    cluster.heartbeat(id);
  }
  CHECK(cluster.state.grow_internal_topics(2).size() == 2);
  cluster.apply(cluster.state.grow_internal_topics(100));
  CHECK(cluster.state.grow_internal_topics(100).empty());
  std::map<BrokerId, int> first;
  std::map<BrokerId, int> held;
  for (int number = 0; number < 6; ++number) {
    const auto& partition = cluster.partition("__consumer_offsets", number);
    CHECK(partition.replicas.size() == 3);
    CHECK(partition.adding.size() == 2);
    CHECK(partition.leader == BrokerId{1});
    CHECK(partition.isr == ids({1}));
    CHECK(partition.leader_epoch == LeaderEpoch{0});
    ++first[partition.replicas.front()];
    for (const auto id : partition.replicas) ++held[id];
  }
  for (const auto id : {2, 3, 4}) CHECK(held[BrokerId{id}] == 4);
  for (const auto& [id, count] : first) CHECK(count <= 3);
  CHECK(first.size() >= 3);

  const auto& grown = cluster.partition("__consumer_offsets");
  CHECK(cluster.state.finish_moves(100).empty());
  std::vector<std::int32_t> all;
  for (const auto id : grown.replicas) all.push_back(id.value());
  CHECK(cluster.change_isr("__consumer_offsets", all) == ErrorCode::none);
  cluster.apply(cluster.state.finish_moves(100));
  CHECK(cluster.partition("__consumer_offsets").adding.empty());
}

TEST_CASE("a partition that moves keeps its leader until those that come are in sync", "[controller]") {
  FakeCluster cluster{3};
  cluster.create("t", 1, 1);
  auto moving = cluster.partition("t");
  const auto from = moving.replicas.front();
  const auto to = BrokerId{from.value() % 3 + 1};
  moving.replicas = {from, to};
  moving.adding = {to};
  moving.removing = {from};
  moving.partition_epoch = broker::controller::PartitionEpoch{1};
  cluster.record(broker::controller::PartitionRecord{cluster.state.image().find_topic("t")->id, moving});
  CHECK(cluster.state.finish_moves(10).empty());
  CHECK(cluster.change_isr("t", {from.value(), to.value()}) == ErrorCode::none);
  cluster.apply(cluster.state.finish_moves(10));
  const auto& moved = cluster.partition("t");
  CHECK(moved.replicas == std::vector{to});
  CHECK(moved.isr == std::vector{to});
  CHECK(moved.leader == to);
  CHECK(moved.leader_epoch == LeaderEpoch{1});
  CHECK(moved.adding.empty());
  CHECK(moved.removing.empty());
}

TEST_CASE("a joining node gets an id that nobody has", "[controller]") {
  FakeCluster cluster{2};
  cluster.start(7);  // an id chosen by hand
  Circumstances circumstances;
  circumstances.is_in_quorum = [](BrokerId id) { return id == BrokerId{8}; };
  const auto join = [&](JoinRequest request) { return cluster.handle(request, circumstances); };
  const auto first = join({.directory_id = test::directory_of(100)});
  CHECK(first.node_id == BrokerId{9});
  CHECK(first.cluster_id == "test-cluster");
  CHECK(join({.directory_id = test::directory_of(101)}).node_id == BrokerId{10});
  CHECK(join({.directory_id = test::directory_of(7)}).node_id == BrokerId{7});  // its disks are known
  CHECK(join({.cluster_id = "another"}).error_code == ErrorCode::inconsistent_cluster_id);
  CHECK(join({.node_id = BrokerId{1}, .directory_id = test::directory_of(50)}).error_code ==
        ErrorCode::duplicate_broker_registration);
  CHECK(join({.node_id = BrokerId{1}, .directory_id = test::directory_of(1)}).node_id == BrokerId{1});
  CHECK(join({.node_id = BrokerId{20}, .directory_id = test::directory_of(20)}).node_id == BrokerId{20});
  CHECK(join({.directory_id = test::directory_of(21)}).node_id == BrokerId{21});
}

TEST_CASE("features begin at this version's levels, and change all or none", "[controller]") {
  FakeCluster cluster;
  const auto level = [&](std::string_view name) { return cluster.state.image().feature_level(name); };
  CHECK(level("metadata.version") == 30);
  CHECK(level("group.version") == 1);
  CHECK(level("eligible.leader.replicas.version") == 1);
  CHECK(update(cluster, "group.version", 0) == ErrorCode::invalid_update_version);
  CHECK(update(cluster, "group.version", 0, 2) == ErrorCode::none);
  CHECK(level("group.version") == 0);
  CHECK(update(cluster, "group.version", 1) == ErrorCode::none);
  CHECK(update(cluster, "group.version", 2) == ErrorCode::invalid_update_version);
  CHECK(update(cluster, "metadata.version", 0, 3) == ErrorCode::invalid_update_version);
  CHECK(update(cluster, "no.such.version", 1) == ErrorCode::invalid_update_version);
  CHECK(update(cluster, "group.version", 1, 9) == ErrorCode::invalid_request);
}

TEST_CASE("a large decision is several commands, and a topic is never split", "[controller]") {
  FakeCluster cluster{3};
  protocol::CreateTopicsRequest request;
  for (int i = 0; i < 10; ++i) {
    auto& topic = request.topics.emplace_back();
    topic.name = "t" + std::to_string(i);
    topic.num_partitions = 5;
    topic.replication_factor = 1;
  }
  const auto decision = cluster.state.handle(request);
  const auto commands = broker::controller::split_into_commands(decision.records, 12);
  REQUIRE(commands.size() == 4);  // 3 topics, 3, 3 and 1
  std::size_t records = 0;
  for (const auto command : commands) {
    CHECK(std::holds_alternative<broker::controller::TopicRecord>(command.front()));
    records += command.size();
  }
  CHECK(records == decision.records.size());
  CHECK(broker::controller::split_into_commands({}).empty());
}

}  // namespace sluice

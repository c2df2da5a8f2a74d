#include <catch2/catch.hpp>

#include "protocol/messages/add_raft_voter.hpp"
#include "protocol/messages/api_versions.hpp"
#include "protocol/messages/create_topics.hpp"
#include "protocol/messages/describe_cluster.hpp"
#include "protocol/messages/describe_quorum.hpp"
#include "protocol/messages/elect_leaders.hpp"
#include "tests/integration/records.hpp"
#include "tests/integration/test_cluster.hpp"
#include "tests/support/eventually.hpp"

namespace sluice {
namespace {

using test::ask;
using test::batch;
using test::eventually;
using test::number;
using test::TestCluster;
using namespace std::chrono_literals;

/// Produces with acks=all wherever the leader is, until that is acknowledged.
Offset produce(const TestCluster& cluster, const std::string& topic, const std::string& value) {
  Offset at;
  const bool done = eventually(
      [&] {
        auto connection = cluster.connect(cluster.leader_of(topic));
        const auto answer = test::produce(connection, topic, batch({{"k", value}}));
        at = answer.base_offset;
        return number(answer.error_code) == 0;
      },
      30s);
  REQUIRE(done);
  return at;
}

std::vector<std::string> values_of(const TestCluster& cluster, const std::string& topic) {
  auto connection = cluster.connect(cluster.leader_of(topic));
  return test::fetch(connection, topic, Offset{0}).values();
}

}  // namespace

TEST_CASE("three nodes become one cluster", "[cluster]") {
  const TestCluster cluster{3};
  const auto metadata = cluster.metadata();
  CHECK(metadata.brokers.size() == 3);
  REQUIRE(metadata.cluster_id);
  CHECK_FALSE(metadata.cluster_id->empty());

  SECTION("every node takes what is for the controller, and says so once it can be seen there") {
    for (int node = 1; node <= 3; ++node) {
      protocol::CreateTopicsRequest request;
      request.timeout_ms = 20'000;
      auto& topic = request.topics.emplace_back();
      topic.name = "by-" + std::to_string(node);
      topic.num_partitions = 3;
      topic.replication_factor = 3;
      auto connection = cluster.connect(node);
      CHECK(number(ask<protocol::CreateTopics>(connection, request).topics.at(0).error_code) == 0);
      protocol::MetadataRequest seen;
      seen.topics.emplace().emplace_back().name = topic.name;
      CHECK(ask<protocol::Metadata>(connection, seen).topics.at(0).partitions.size() == 3);
    }
  }
  SECTION("any node describes the quorum") {
    protocol::DescribeQuorumRequest request;
    auto& topic = request.topics.emplace_back();
    topic.topic_name = "__cluster_metadata";
    topic.partitions.emplace_back();
    for (int node = 1; node <= 3; ++node) {
      auto connection = cluster.connect(node);
      const auto answer = ask<protocol::DescribeQuorum>(connection, request);
      const auto& partition = answer.topics.at(0).partitions.at(0);
      CHECK(number(partition.error_code) == 0);
      CHECK(partition.current_voters.size() == 3);
      CHECK(partition.observers.empty());
      CHECK(partition.high_watermark > Offset{0});
      CHECK(answer.nodes.size() == 3);
      for (const auto& voter : partition.current_voters) CHECK_FALSE(voter.replica_directory_id.is_zero());
    }
  }
  SECTION("the features that the cluster agreed on are told to clients") {
    auto connection = cluster.connect(2);
    const auto answer =
        ask<protocol::ApiVersions>(connection, {.client_software_name = "t", .client_software_version = "1"});
    CHECK_FALSE(answer.finalized_features.empty());
  }
}

TEST_CASE("what was acknowledged survives the leader's death, and another leads at once", "[cluster]") {
  TestCluster cluster{3};
  cluster.create_topic("t", 1, 3, {{"min.insync.replicas", "2"}});
  REQUIRE(cluster.has_in_sync("t", 3));
  for (int i = 0; i < 20; ++i) produce(cluster, "t", std::to_string(i));
  const auto before = cluster.leader_of("t");
  cluster.kill(before);
  produce(cluster, "t", "after");
  CHECK(cluster.leader_of("t") != before);
  const auto values = values_of(cluster, "t");
  REQUIRE(values.size() >= 21);
  for (int i = 0; i < 20; ++i) CHECK(values[static_cast<std::size_t>(i)] == std::to_string(i));
  CHECK(values.back() == "after");

  SECTION("and it comes back into the ISR when it is started again") {
    cluster.begin_start(before);
    cluster.wait_started(before);
    CHECK(cluster.has_in_sync("t", 3));
    CHECK(cluster.metadata().brokers.size() == 3);
  }
}

TEST_CASE("the cluster goes on when its controller dies", "[cluster]") {
  TestCluster cluster{3};
  const auto before = cluster.controller();
  cluster.kill(before);
  cluster.create_topic("later", 2, 2);
  CHECK(cluster.controller() != before);
  produce(cluster, "later", "v");
  CHECK(eventually([&] { return cluster.metadata().brokers.size() == 2; }, 30s));
}

TEST_CASE("a node that is stopped gives up what it leads first", "[cluster]") {
  TestCluster cluster{3};
  cluster.create_topic("t", 6, 3);
  for (int partition = 0; partition < 6; ++partition) REQUIRE(cluster.has_in_sync("t", 3, partition));
  const auto before = cluster.leader_of("t");
  cluster.stop(before);
  for (int partition = 0; partition < 6; ++partition) {
    const auto now = cluster.partition("t", partition);
    REQUIRE(now);
    CHECK(now->leader_id != BrokerId{before});
    CHECK(now->leader_id != kNoBroker);
  }
}

TEST_CASE("a broker whose disk hangs gives up what it leads, and is back when the disk is", "[cluster]") {
  TestCluster cluster{3, {"broker.session.timeout.ms=1000", "broker.heartbeat.interval.ms=200"}};
  cluster.create_topic("t", 1, 3, {{"min.insync.replicas", "2"}});
  REQUIRE(cluster.has_in_sync("t", 3));
  produce(cluster, "t", "before");
  const int hung = cluster.leader_of("t");
  const int other = hung % 3 + 1;
  auto to_other = cluster.connect(other);
  const auto now = [&] {
    protocol::MetadataRequest request;
    request.topics.emplace().emplace_back().name = "t";
    return ask<protocol::Metadata>(to_other, request).topics.at(0).partitions.at(0);
  };
  auto to_hung = cluster.connect(hung);
  cluster.files(hung).hang_syncs();
  protocol::ErrorCode told{};  // what it waits for is the disk
  std::thread waits{[&] { told = test::produce(to_hung, "t", batch({{"k", "meanwhile"}})).error_code; }};
  CHECK(eventually([&] { return now().leader_id != BrokerId{hung} && now().leader_id != kNoBroker; }, 20s));
  cluster.files(hung).let_go();
  waits.join();
  // The others may have had it before another led.
  if (number(told) == 0) CHECK(values_of(cluster, "t") == std::vector<std::string>{"before", "meanwhile"});
  CHECK(eventually([&] { return now().isr_nodes.size() == 3; }, 20s));
}

TEST_CASE("fenced brokers are shown to those who ask for them", "[cluster]") {
  TestCluster cluster{3};
  const auto gone = cluster.controller() == 3 ? 2 : 3;
  cluster.kill(gone);
  const auto brokers = [&](bool with_fenced) {
    auto connection = cluster.connect(1);
    return ask<protocol::DescribeCluster>(connection, {.include_fenced_brokers = with_fenced}).brokers;
  };
  REQUIRE(eventually([&] { return brokers(false).size() == 2; }, 30s));
  const auto all = brokers(true);
  REQUIRE(all.size() == 3);
  for (const auto& broker : all) CHECK(broker.is_fenced == (broker.broker_id == BrokerId{gone}));
}

TEST_CASE("without a majority produce and fetch go on, and what is for the controller can be tried again",
          "[cluster]") {
  TestCluster cluster{3, {"request.timeout.ms=1500"}};
  cluster.create_topic("t", 1, 1);
  const auto leader = cluster.leader_of("t");
  produce(cluster, "t", "before");
  for (int node = 1; node <= 3; ++node) {
    if (node != leader) cluster.kill(node);
  }
  auto connection = cluster.connect(leader);
  CHECK(number(test::produce(connection, "t", batch({{"k", "alone"}})).error_code) == 0);
  CHECK(test::fetch(connection, "t", Offset{0}).values() == std::vector<std::string>{"before", "alone"});
  protocol::CreateTopicsRequest request;
  request.timeout_ms = 1500;
  auto& topic = request.topics.emplace_back();
  topic.name = "never";
  topic.num_partitions = 1;
  topic.replication_factor = 1;
  const auto refused = ask<protocol::CreateTopics>(connection, request).topics.at(0).error_code;
  const bool is_retriable =
      refused == protocol::ErrorCode::not_controller || refused == protocol::ErrorCode::request_timed_out;
  CAPTURE(number(refused));
  CHECK(is_retriable);
}

}  // namespace sluice

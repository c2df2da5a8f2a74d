#include <catch2/catch.hpp>

#include "tests/support/fake_cluster_state.hpp"

namespace sluice {
namespace {

using protocol::CreatePartitionsRequest;
using protocol::CreateTopicsRequest;
using protocol::DeleteTopicsRequest;
using protocol::ErrorCode;
using test::FakeCluster;

CreateTopicsRequest with_assignment(std::vector<std::vector<std::int32_t>> partitions) {
  CreateTopicsRequest request;
  auto& topic = request.topics.emplace_back();
  topic.name = "t";
  topic.num_partitions = -1;
  topic.replication_factor = -1;
  for (std::size_t i = 0; i < partitions.size(); ++i) {
    auto& to = topic.assignments.emplace_back();
    to.partition_index = PartitionId{static_cast<std::int32_t>(i)};
    for (const auto id : partitions[i]) to.broker_ids.emplace_back(id);
  }
  return request;
}

TEST_CASE("a created topic is led by live brokers and found by name and by id", "[controller]") {
  FakeCluster cluster{3};
  const auto result = cluster.create("orders", 4, 3);
  REQUIRE(result.error_code == ErrorCode::none);
  CHECK(result.num_partitions == 4);
  CHECK(result.replication_factor == 3);
  CHECK_FALSE(result.configs->empty());

  const auto& image = cluster.state.image();
  const auto* topic = image.find_topic("orders");
  REQUIRE(topic != nullptr);
  CHECK(image.find_topic(result.topic_id) == topic);
  for (const auto& partition : topic->partitions) {
    CHECK(partition.replicas.size() == 3);
    CHECK(partition.isr == partition.replicas);
    CHECK(partition.leader == partition.replicas.front());
  }
}

TEST_CASE("a topic that can't be created is refused with the code that says why", "[controller]") {
  FakeCluster cluster{2};
  REQUIRE(cluster.create("a.b").error_code == ErrorCode::none);
  CHECK(cluster.create("a.b").error_code == ErrorCode::topic_already_exists);
  CHECK(cluster.create("a_b").error_code == ErrorCode::invalid_topic_exception);
  CHECK(cluster.create("bad name").error_code == ErrorCode::invalid_topic_exception);
  CHECK(cluster.create("").error_code == ErrorCode::invalid_topic_exception);
  CHECK(cluster.create("..").error_code == ErrorCode::invalid_topic_exception);
  CHECK(cluster.create(std::string(250, 'x')).error_code == ErrorCode::invalid_topic_exception);
  CHECK(cluster.create(std::string(249, 'x')).error_code == ErrorCode::none);
  CHECK(cluster.create("__cluster_metadata").error_code == ErrorCode::invalid_request);
  CHECK(cluster.create("t", 0).error_code == ErrorCode::invalid_partitions);
  CHECK(cluster.create("t", -2).error_code == ErrorCode::invalid_partitions);
  CHECK(cluster.create("t", 2'000'000'000).error_code == ErrorCode::policy_violation);
  CHECK(cluster.create("t", 1, 0).error_code == ErrorCode::invalid_replication_factor);
  CHECK(cluster.create("t", 1, 3).error_code == ErrorCode::invalid_replication_factor);
  CHECK(cluster.state.image().topic_count() == 2);
}

TEST_CASE("minus one asks for the broker's number of partitions and replicas", "[controller]") {
  FakeCluster cluster{2, {{"num.partitions", {"5", "test"}}, {"default.replication.factor", {"2", "test"}}}};
  const auto result = cluster.create("t", -1, -1);
  CHECK(result.num_partitions == 5);
  CHECK(result.replication_factor == 2);
}

TEST_CASE("a topic named twice in one request is created by neither", "[controller]") {
  FakeCluster cluster;
  CreateTopicsRequest request;
  for (const auto* name : {"once", "twice", "twice"}) {
    auto& topic = request.topics.emplace_back();
    topic.name = name;
    topic.num_partitions = 1;
    topic.replication_factor = 1;
  }
  const auto response = cluster.handle(request);
  REQUIRE(response.topics.size() == 2);
  CHECK(response.topics[0].error_code == ErrorCode::none);
  CHECK(response.topics[1].error_code == ErrorCode::invalid_request);
  CHECK(cluster.state.image().topic_count() == 1);
}

TEST_CASE("validate_only answers as if, and changes nothing", "[controller]") {
  FakeCluster cluster;
  CreateTopicsRequest request = with_assignment({{1}});
  request.validate_only = true;
  CHECK(cluster.handle(request).topics[0].error_code == ErrorCode::none);
  CHECK(cluster.state.image().topic_count() == 0);
}

TEST_CASE("a manual assignment must name registered brokers once, as many for each partition", "[controller]") {
  FakeCluster cluster{3};
  const auto code_of = [&](const CreateTopicsRequest& request) { return cluster.handle(request).topics[0].error_code; };
  CHECK(code_of(with_assignment({{}})) == ErrorCode::invalid_replica_assignment);
  CHECK(code_of(with_assignment({{1, 1}})) == ErrorCode::invalid_replica_assignment);
  CHECK(code_of(with_assignment({{9}})) == ErrorCode::invalid_replica_assignment);
  CHECK(code_of(with_assignment({{1, 2}, {3}})) == ErrorCode::invalid_replica_assignment);
  auto gap = with_assignment({{1}});
  gap.topics[0].assignments[0].partition_index = PartitionId{1};
  CHECK(code_of(gap) == ErrorCode::invalid_replica_assignment);
  auto both = with_assignment({{1}});
  both.topics[0].num_partitions = 1;
  CHECK(code_of(both) == ErrorCode::invalid_request);
  CHECK(code_of(with_assignment({{1, 2}, {3, 1}})) == ErrorCode::none);
  CHECK(cluster.state.image().find_partition("t", PartitionId{1})->leader == BrokerId{3});
}

TEST_CASE("topics are deleted by name or by id, each at most once", "[controller]") {
  FakeCluster cluster;
  const auto a = cluster.create("a");
  const auto b = cluster.create("b");
  cluster.create("c");
  DeleteTopicsRequest request;
  request.topics.resize(6);
  request.topics[0].name = "a";
  request.topics[1].topic_id = b.topic_id;
  request.topics[2].name = "missing";
  request.topics[3].topic_id = Uuid{{9}};
  request.topics[4].name = request.topics[5].name = "c";
  std::map<ErrorCode, int> codes;
  for (const auto& result : cluster.handle(request).responses) ++codes[result.error_code];
  CHECK(codes == std::map<ErrorCode, int>{{ErrorCode::none, 2},
                                          {ErrorCode::unknown_topic_or_partition, 1},
                                          {ErrorCode::unknown_topic_id, 1},
                                          {ErrorCode::invalid_request, 1}});
  CHECK(cluster.state.image().topic_names() == std::vector<std::string>{"c"});
  CHECK(cluster.create("a").topic_id != a.topic_id);
}

TEST_CASE("nothing is deleted where delete.topic.enable is false", "[controller]") {
  FakeCluster cluster{1, {{"delete.topic.enable", {"false", "test"}}}};
  cluster.create("a");
  DeleteTopicsRequest request;
  request.topic_names = {"a"};
  CHECK(cluster.handle(request).responses.at(0).error_code == ErrorCode::topic_deletion_disabled);
  CHECK(cluster.state.image().topic_count() == 1);
}

TEST_CASE("partitions can only be added", "[controller]") {
  FakeCluster cluster;
  cluster.create("t", 2);
  const auto grow = [&](std::int32_t count, std::optional<std::size_t> assigned = std::nullopt) {
    CreatePartitionsRequest request;
    auto& topic = request.topics.emplace_back();
    topic.name = "t";
    topic.count = count;
    topic.assignments = std::nullopt;
    if (assigned) {
      topic.assignments.emplace(*assigned);
      for (auto& assignment : *topic.assignments) assignment.broker_ids = {BrokerId{1}};
    }
    return cluster.handle(request).results.at(0).error_code;
  };
  CHECK(grow(2) == ErrorCode::invalid_partitions);
  CHECK(grow(-1) == ErrorCode::invalid_partitions);
  CHECK(grow(4, 1) == ErrorCode::invalid_replica_assignment);
  CHECK(grow(3) == ErrorCode::none);
  CHECK(grow(5, 2) == ErrorCode::none);
  CHECK(cluster.state.image().find_topic("t")->partitions.size() == 5);
}

TEST_CASE("a topic of the broker's own does not grow: what it keeps would not be found again", "[controller]") {
  FakeCluster cluster;
  cluster.create("__consumer_offsets", 2);
  CreatePartitionsRequest request;
  auto& topic = request.topics.emplace_back();
  topic.name = "__consumer_offsets";
  topic.count = 3;
  const auto result = cluster.handle(request).results.at(0);
  CHECK(result.error_code == ErrorCode::invalid_partitions);
  CHECK(result.error_message ==
        "Topic '__consumer_offsets' is internal: with another number of partitions what it keeps would not be found "
        "again.");
  CHECK(cluster.state.image().find_topic("__consumer_offsets")->partitions.size() == 2);
}

TEST_CASE("producer ids are handed out in blocks that never overlap", "[controller]") {
  FakeCluster cluster;
  protocol::AllocateProducerIdsRequest request;
  request.broker_id = BrokerId{1};
  const auto first = cluster.handle(request);
  const auto second = cluster.handle(request);
  CHECK(first.producer_id_start == ProducerId{0});
  CHECK(first.producer_id_len == 1000);
  CHECK(second.producer_id_start == ProducerId{1000});
  request.broker_id = BrokerId{7};
  CHECK(cluster.handle(request).error_code == ErrorCode::broker_id_not_registered);
}

}  // namespace
}  // namespace sluice

#include <catch2/catch.hpp>

#include "protocol/messages/delete_topics.hpp"
#include "protocol/messages/describe_cluster.hpp"
#include "protocol/messages/describe_configs.hpp"
#include "protocol/messages/describe_topic_partitions.hpp"
#include "tests/support/fake_request.hpp"

namespace sluice {
namespace {

using protocol::DescribeCluster;
using protocol::DescribeConfigs;
using protocol::DescribeTopicPartitions;
using protocol::ErrorCode;
using test::FakeBroker;

TEST_CASE("following the cursor shows every partition once, in order", "[api]") {
  FakeBroker broker;
  broker.cluster.create("b", 3);
  broker.cluster.create("a", 2);
  broker.cluster.create("c", 4);
  protocol::DescribeTopicPartitionsRequest request;
  request.response_partition_limit = 2;
  std::vector<std::string> seen;
  for (int page = 0; page < 10; ++page) {
    const auto response = broker.ask<DescribeTopicPartitions>(request);
    for (const auto& topic : response->topics) {
      for (const auto& one : topic.partitions) {
        seen.push_back(*topic.name + std::to_string(one.partition_index.value()));
      }
    }
    if (!response->next_cursor) break;
    request.cursor.emplace();
    request.cursor->topic_name = response->next_cursor->topic_name;
    request.cursor->partition_index = response->next_cursor->partition_index;
  }
  CHECK(seen == std::vector<std::string>{"a0", "a1", "b0", "b1", "b2", "c0", "c1", "c2", "c3"});
}

TEST_CASE("a cursor past the last partition shows none, and names that do not exist are told", "[api]") {
  FakeBroker broker;
  broker.cluster.create("a", 2);
  protocol::DescribeTopicPartitionsRequest request;
  request.topics.resize(2);
  request.topics[0].name = "a";
  request.topics[1].name = "missing";
  request.cursor.emplace();
  request.cursor->topic_name = "a";
  request.cursor->partition_index = PartitionId{INT32_MAX};
  const auto response = broker.ask<DescribeTopicPartitions>(request);
  REQUIRE(response->topics.size() == 2);
  CHECK(response->topics[0].partitions.empty());
  CHECK(response->topics[1].error_code == ErrorCode::unknown_topic_or_partition);
}

TEST_CASE("DescribeCluster tells brokers, and refuses to be asked for controllers", "[api]") {
  FakeBroker broker{3};
  protocol::DescribeClusterRequest request;
  CHECK(broker.ask<DescribeCluster>(request)->brokers.size() == 3);
  request.endpoint_type = 2;
  CHECK(broker.ask<DescribeCluster>(request)->error_code == ErrorCode::mismatched_endpoint_type);
  request.endpoint_type = 3;
  CHECK(broker.ask<DescribeCluster>(request)->error_code == ErrorCode::unsupported_endpoint_type);
}

TEST_CASE("DescribeConfigs answers each resource for itself", "[api]") {
  FakeBroker broker;
  broker.cluster.create("t");
  protocol::DescribeConfigsRequest request;
  const auto code_of = [&](std::int8_t type, const std::string& name) {
    request.resources.resize(1);
    request.resources[0].resource_type = type;
    request.resources[0].resource_name = name;
    return broker.ask<DescribeConfigs>(request)->results.at(0).error_code;
  };
  CHECK(code_of(2, "t") == ErrorCode::none);
  CHECK(code_of(2, "missing") == ErrorCode::unknown_topic_or_partition);
  CHECK(code_of(2, "bad name") == ErrorCode::invalid_topic_exception);
  CHECK(code_of(4, "1") == ErrorCode::none);
  CHECK(code_of(4, "") == ErrorCode::none);
  CHECK(code_of(4, "77") == ErrorCode::invalid_request);
  CHECK(code_of(8, "2") == ErrorCode::invalid_request);
  CHECK(code_of(99, "x") == ErrorCode::invalid_request);
}

TEST_CASE("settings are described with the names asked for, and synonyms and documentation on demand", "[api]") {
  FakeBroker broker;
  broker.cluster.create("t");
  protocol::DescribeConfigsRequest request;
  auto& resource = request.resources.emplace_back();
  resource.resource_type = 2;
  resource.resource_name = "t";
  resource.configuration_keys = std::vector<std::string>{"segment.bytes", "no.such.setting"};
  const auto bare = broker.ask<DescribeConfigs>(request)->results.at(0).configs;
  REQUIRE(bare.size() == 1);
  CHECK(bare[0].value == "1073741824");
  CHECK(bare[0].synonyms.empty());
  CHECK_FALSE(bare[0].documentation.has_value());
  request.include_synonyms = request.include_documentation = true;
  const auto full = broker.ask<DescribeConfigs>(request)->results.at(0).configs.at(0);
  CHECK_FALSE(full.synonyms.empty());
  CHECK_FALSE(full.documentation->empty());
}

}  // namespace
}  // namespace sluice

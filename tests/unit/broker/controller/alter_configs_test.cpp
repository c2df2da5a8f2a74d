#include <catch2/catch.hpp>

#include "tests/support/fake_cluster_state.hpp"

namespace sluice {
namespace {

using protocol::AlterConfigsRequest;
using protocol::ErrorCode;
using protocol::IncrementalAlterConfigsRequest;
using test::FakeCluster;

constexpr std::int8_t kTopic = 2;
constexpr std::int8_t kBroker = 4;
enum Operation : std::int8_t { kSet, kDelete, kAppend, kSubtract };

struct Change {
  std::string key;
  Operation operation = kSet;
  std::optional<std::string> value;
};

ErrorCode alter(FakeCluster& cluster, std::int8_t type, const std::string& name, std::vector<Change> changes,
                bool validate_only = false) {
  IncrementalAlterConfigsRequest request;
  request.validate_only = validate_only;
  auto& resource = request.resources.emplace_back();
  resource.resource_type = type;
  resource.resource_name = name;
  for (auto& change : changes) {
    auto& to = resource.configs.emplace_back();
    to.name = change.key;
    to.config_operation = change.operation;
    to.value = change.value;
  }
  return cluster.handle(request).responses.at(0).error_code;
}

TEST_CASE("a topic's settings are set, changed as lists, and deleted", "[controller]") {
  FakeCluster cluster;
  cluster.create("t");
  const auto configs = [&]() -> const auto& { return cluster.state.image().find_topic("t")->configs; };

  CHECK(alter(cluster, kTopic, "t", {{"retention.ms", kSet, "5000"}}) == ErrorCode::none);
  CHECK(configs().at("retention.ms") == "5000");
  CHECK(alter(cluster, kTopic, "t", {{"cleanup.policy", kAppend, "compact"}}) == ErrorCode::none);
  CHECK(configs().at("cleanup.policy") == "delete,compact");
  CHECK(alter(cluster, kTopic, "t", {{"cleanup.policy", kSubtract, "delete"}}) == ErrorCode::none);
  CHECK(configs().at("cleanup.policy") == "compact");
  CHECK(alter(cluster, kTopic, "t", {{"retention.ms", kDelete, {}}, {"cleanup.policy", kDelete, {}}}) ==
        ErrorCode::none);
  CHECK(configs().empty());
}

TEST_CASE("a change that Kafka refuses is refused with its code, and changes nothing", "[controller]") {
  FakeCluster cluster;
  cluster.create("t");
  CHECK(alter(cluster, kTopic, "t", {{"retention.ms", kSet, "x"}}) == ErrorCode::invalid_config);
  CHECK(alter(cluster, kTopic, "t", {{"no.such.setting", kSet, "1"}}) == ErrorCode::invalid_config);
  CHECK(alter(cluster, kTopic, "t", {{"retention.ms", kAppend, "1"}}) == ErrorCode::invalid_config);
  CHECK(alter(cluster, kTopic, "t", {{"retention.ms", kSet, {}}}) == ErrorCode::invalid_request);
  CHECK(alter(cluster, kTopic, "t", {{"retention.ms", kSet, "1"}, {"retention.ms", kSet, "2"}}) ==
        ErrorCode::invalid_request);
  CHECK(alter(cluster, kTopic, "t", {{"retention.ms", static_cast<Operation>(7), "1"}}) == ErrorCode::invalid_request);
  CHECK(alter(cluster, kTopic, "missing", {{"retention.ms", kSet, "1"}}) == ErrorCode::unknown_topic_or_partition);
  CHECK(alter(cluster, kTopic, "", {{"retention.ms", kSet, "1"}}) == ErrorCode::invalid_request);
  CHECK(alter(cluster, kBroker, "x", {}) == ErrorCode::invalid_request);
  CHECK(alter(cluster, kBroker, "77", {}) == ErrorCode::invalid_request);
  CHECK(alter(cluster, kBroker, "1", {{"node.id", kSet, "4"}}) == ErrorCode::invalid_request);
  CHECK(alter(cluster, 99, "x", {}) == ErrorCode::invalid_request);
  CHECK(alter(cluster, kTopic, "t", {{"retention.ms", kSet, "1"}}, true) == ErrorCode::none);
  CHECK(cluster.state.image().find_topic("t")->configs.empty());
}

TEST_CASE("dynamic settings of one broker and of all are kept apart", "[controller]") {
  FakeCluster cluster;
  CHECK(alter(cluster, kBroker, "1", {{"log.retention.ms", kSet, "5000"}}) == ErrorCode::none);
  CHECK(alter(cluster, kBroker, "", {{"log.retention.ms", kSet, "6000"}}) == ErrorCode::none);
  const auto& image = cluster.state.image();
  CHECK(image.broker_configs(BrokerId{1}).at("log.retention.ms") == "5000");
  CHECK(image.broker_configs(kNoBroker).at("log.retention.ms") == "6000");
}

TEST_CASE("what all brokers must have alike is set for all, never for one, and never removed", "[controller]") {
  const std::string key = GENERATE(as<std::string>{}, "min.insync.replicas", "sluice.durability");
  const std::string value = key == "sluice.durability" ? "os" : "2";
  FakeCluster cluster;
  cluster.apply(cluster.state.settle_defaults());
  const auto& image = cluster.state.image();
  REQUIRE(image.broker_configs(kNoBroker).contains(key));
  CHECK(alter(cluster, kBroker, "1", {{key, kSet, value}}) == ErrorCode::invalid_config);
  CHECK(alter(cluster, kBroker, "", {{key, kDelete, {}}}) == ErrorCode::invalid_config);
  CHECK(alter(cluster, kBroker, "", {{key, kSet, value}}) == ErrorCode::none);
  CHECK(image.broker_configs(kNoBroker).at(key) == value);

  AlterConfigsRequest replacement;  // of the other settings
  replacement.resources.emplace_back().resource_type = kBroker;
  CHECK(cluster.handle(replacement).responses.at(0).error_code == ErrorCode::none);
  CHECK(image.broker_configs(kNoBroker).at(key) == value);

  // Of a log from before one broker could not have its own.
  cluster.record(broker::controller::ConfigRecord{broker::controller::ConfigResource::broker, "1", key, value});
  CHECK(alter(cluster, kBroker, "1", {{"log.retention.ms", kSet, "1"}}) == ErrorCode::none);
  CHECK(alter(cluster, kBroker, "1", {{key, kDelete, {}}}) == ErrorCode::none);
}

TEST_CASE("a resource named twice in one request is changed by neither", "[controller]") {
  FakeCluster cluster;
  cluster.create("t");
  IncrementalAlterConfigsRequest request;
  for (int i = 0; i < 2; ++i) {
    auto& resource = request.resources.emplace_back();
    resource.resource_type = kTopic;
    resource.resource_name = "t";
    auto& config = resource.configs.emplace_back();
    config.name = "retention.ms";
    config.value = "1";
  }
  for (const auto& result : cluster.handle(request).responses) CHECK(result.error_code == ErrorCode::invalid_request);
}

TEST_CASE("AlterConfigs puts back to default what it does not name", "[controller]") {
  FakeCluster cluster;
  cluster.create("t");
  alter(cluster, kTopic, "t", {{"retention.ms", kSet, "5000"}, {"segment.bytes", kSet, "2000000"}});
  AlterConfigsRequest request;
  auto& resource = request.resources.emplace_back();
  resource.resource_type = kTopic;
  resource.resource_name = "t";
  auto& config = resource.configs.emplace_back();
  config.name = "retention.ms";
  config.value = "7000";
  CHECK(cluster.handle(request).responses.at(0).error_code == ErrorCode::none);
  const auto& configs = cluster.state.image().find_topic("t")->configs;
  CHECK(configs == broker::controller::ConfigMap{{"retention.ms", "7000"}});
}

}  // namespace
}  // namespace sluice

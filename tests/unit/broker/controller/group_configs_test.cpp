#include <catch2/catch.hpp>

#include "tests/support/fake_cluster_state.hpp"

namespace sluice {
namespace {

using broker::controller::ConfigMap;
using protocol::AlterConfigsRequest;
using protocol::ErrorCode;
using protocol::IncrementalAlterConfigsRequest;
using test::FakeCluster;

constexpr std::int8_t kGroup = 32;
enum Operation : std::int8_t { kSet, kDelete, kAppend };

protocol::IncrementalAlterConfigsResponse::AlterConfigsResourceResponse alter(FakeCluster& cluster,
                                                                              const std::string& group,
                                                                              const std::string& key,
                                                                              std::optional<std::string> value,
                                                                              Operation operation = kSet) {
  IncrementalAlterConfigsRequest request;
  auto& resource = request.resources.emplace_back();
  resource.resource_type = kGroup;
  resource.resource_name = group;
  auto& config = resource.configs.emplace_back();
  config.name = key;
  config.config_operation = operation;
  config.value = std::move(value);
  return cluster.handle(request).responses.at(0);
}

TEST_CASE("a group that does not exist yet can have settings of its own", "[controller]") {
  FakeCluster cluster;
  const auto configs = [&](std::string_view id) { return cluster.state.image().group_configs(id); };
  CHECK(configs("g").empty());
  CHECK(alter(cluster, "g", "consumer.session.timeout.ms", "50000").error_code == ErrorCode::none);
  CHECK(alter(cluster, "g", "consumer.heartbeat.interval.ms", "7000").error_code == ErrorCode::none);
  CHECK(alter(cluster, "h", "consumer.session.timeout.ms", "60000").error_code == ErrorCode::none);
  CHECK(configs("g") ==
        ConfigMap{{"consumer.session.timeout.ms", "50000"}, {"consumer.heartbeat.interval.ms", "7000"}});
  CHECK(configs("h") == ConfigMap{{"consumer.session.timeout.ms", "60000"}});
  CHECK(cluster.state.image().configured_group_count() == 2);

  CHECK(alter(cluster, "h", "consumer.session.timeout.ms", {}, kDelete).error_code == ErrorCode::none);
  CHECK(configs("h").empty());
  CHECK(cluster.state.image().configured_group_count() == 1);
}

TEST_CASE("an image in circulation keeps the settings that groups had then", "[controller]") {
  FakeCluster cluster;
  alter(cluster, "g", "consumer.session.timeout.ms", "50000");
  const auto then = cluster.state.take_change().after;
  alter(cluster, "g", "consumer.session.timeout.ms", "55000");
  CHECK(then->group_configs("g").at("consumer.session.timeout.ms") == "50000");
  const auto now = cluster.state.take_change().after;
  CHECK(now->group_configs("g").at("consumer.session.timeout.ms") == "55000");
  CHECK_FALSE(*then == *now);
}

TEST_CASE("settings of a group lie within the broker's bounds, which the answer names", "[controller]") {
  FakeCluster cluster;
  const auto low = alter(cluster, "g", "consumer.session.timeout.ms", "10");
  CHECK(low.error_code == ErrorCode::invalid_config);
  CHECK(low.error_message ==
        "consumer.session.timeout.ms (10) must be between the broker's group.consumer.min.session.timeout.ms (45000) "
        "and group.consumer.max.session.timeout.ms (60000)");
  CHECK(alter(cluster, "g", "consumer.session.timeout.ms", "60001").error_code == ErrorCode::invalid_config);
  CHECK(alter(cluster, "g", "consumer.session.timeout.ms", "soon").error_code == ErrorCode::invalid_config);
  CHECK(alter(cluster, "g", "consumer.heartbeat.interval.ms", "4999").error_code == ErrorCode::invalid_config);
  CHECK(alter(cluster, "g", "consumer.session.timeout.ms", "50000", kAppend).error_code == ErrorCode::invalid_config);
  CHECK(alter(cluster, "", "consumer.session.timeout.ms", "50000").error_code == ErrorCode::invalid_request);
  CHECK(cluster.state.image().configured_group_count() == 0);
}

TEST_CASE("what groups of other kinds would have is refused by name", "[controller]") {
  FakeCluster cluster;
  CHECK(alter(cluster, "g", "share.session.timeout.ms", "50000").error_message ==
        "share.session.timeout.ms is a setting of Kafka that Sluice does not use");
  const auto unknown = alter(cluster, "g", "consumer.sesion.timeout.ms", "50000");
  CHECK(unknown.error_code == ErrorCode::invalid_config);
  CHECK(unknown.error_message ==
        "Unknown group config name: consumer.sesion.timeout.ms (did you mean consumer.session.timeout.ms?)");
  CHECK(alter(cluster, "g", "no.such.setting", {}, kDelete).error_code == ErrorCode::none);
}

TEST_CASE("AlterConfigs replaces all settings of a group", "[controller]") {
  FakeCluster cluster;
  alter(cluster, "g", "consumer.heartbeat.interval.ms", "7000");
  AlterConfigsRequest request;
  auto& resource = request.resources.emplace_back();
  resource.resource_type = kGroup;
  resource.resource_name = "g";
  auto& config = resource.configs.emplace_back();
  config.name = "consumer.session.timeout.ms";
  config.value = "50000";
  CHECK(cluster.handle(request).responses.at(0).error_code == ErrorCode::none);
  CHECK(cluster.state.image().group_configs("g") == ConfigMap{{"consumer.session.timeout.ms", "50000"}});
}

}  // namespace
}  // namespace sluice

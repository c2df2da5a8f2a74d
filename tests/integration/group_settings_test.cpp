#include <algorithm>
#include <catch2/catch.hpp>

#include "protocol/messages/consumer_group_heartbeat.hpp"
#include "protocol/messages/describe_configs.hpp"
#include "protocol/messages/find_coordinator.hpp"
#include "protocol/messages/incremental_alter_configs.hpp"
#include "protocol/messages/list_config_resources.hpp"
#include "tests/integration/test_broker.hpp"
#include "tests/support/eventually.hpp"

namespace sluice {
namespace {

using protocol::ErrorCode;
using test::ask;
using test::number;
using test::TestBroker;

constexpr std::int8_t kTopic = 2;
constexpr std::int8_t kBroker = 4;
constexpr std::int8_t kGroup = 32;

void set(client::WireConnection& connection, std::string group, std::string name, std::string value) {
  protocol::IncrementalAlterConfigsRequest request;
  auto& resource = request.resources.emplace_back();
  resource.resource_type = kGroup;
  resource.resource_name = std::move(group);
  auto& config = resource.configs.emplace_back();
  config.name = std::move(name);
  config.value.emplace(std::move(value));
  const auto answer = ask<protocol::IncrementalAlterConfigs>(connection, request);
  REQUIRE(number(answer.responses.at(0).error_code) == 0);
}

std::vector<std::string> names_of(const protocol::ListConfigResourcesResponse& answer, std::int8_t type) {
  std::vector<std::string> names;
  for (const auto& resource : answer.config_resources) {
    if (resource.resource_type == type) names.push_back(resource.resource_name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

/// The answer to a member that joins, once the group's coordinator is at work.
protocol::ConsumerGroupHeartbeatResponse join(client::WireConnection& connection, const std::string& group) {
  protocol::FindCoordinatorRequest find;
  find.coordinator_keys.push_back(group);
  protocol::ConsumerGroupHeartbeatRequest request;
  request.group_id = group;
  request.member_id = std::string{"m"};
  request.rebalance_timeout_ms = 60'000;
  request.subscribed_topic_names.emplace().push_back("t");
  request.topic_partitions.emplace();
  protocol::ConsumerGroupHeartbeatResponse answer;
  CHECK(test::eventually([&] {
    const auto found = ask<protocol::FindCoordinator>(connection, find);
    if (found.coordinators.at(0).error_code != ErrorCode::none) return false;
    answer = ask<protocol::ConsumerGroupHeartbeat>(connection, request);
    return answer.error_code != ErrorCode::coordinator_load_in_progress;
  }));
  return answer;
}

}  // namespace

TEST_CASE("settings of a group outlive a crash, are listed, and members are told", "[groups]") {
  TestBroker broker;
  broker.create_topic("t");
  {
    auto connection = broker.connect();
    set(connection, "g", "consumer.heartbeat.interval.ms", "7000");
    set(connection, "h", "consumer.session.timeout.ms", "50000");
  }
  broker.crash_and_restart();
  auto connection = broker.connect();

  const auto all = ask<protocol::ListConfigResources>(connection, {});
  CHECK(names_of(all, kGroup) == std::vector<std::string>{"g", "h"});
  CHECK(names_of(all, kTopic) == std::vector<std::string>{"t"});
  CHECK(names_of(all, kBroker) == std::vector<std::string>{"1"});
  protocol::ListConfigResourcesRequest only_groups;
  only_groups.resource_types = {kGroup};
  CHECK(ask<protocol::ListConfigResources>(connection, only_groups).config_resources.size() == 2);
  CHECK(ask<protocol::ListConfigResources>(connection, {}, 0).config_resources.empty());
  protocol::ListConfigResourcesRequest unknown;
  unknown.resource_types = {77};
  CHECK(ask<protocol::ListConfigResources>(connection, unknown).error_code == ErrorCode::unsupported_version);

  CHECK(join(connection, "g").heartbeat_interval_ms == 7000);
  CHECK(join(connection, "other").heartbeat_interval_ms == 5000);
}

TEST_CASE("where the consumer protocol is switched off its members are told that it is not served", "[groups]") {
  TestBroker broker{{"group.coordinator.rebalance.protocols=classic"}};
  auto connection = broker.connect();
  CHECK(join(connection, "g").error_code == ErrorCode::unsupported_version);
}

}  // namespace sluice

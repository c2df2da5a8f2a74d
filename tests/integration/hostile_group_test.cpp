// What a client may send about groups without harm to the broker or to others.

#include <catch2/catch.hpp>
#include <string>

#include "protocol/messages/consumer_group_describe.hpp"
#include "protocol/messages/consumer_group_heartbeat.hpp"
#include "protocol/messages/delete_groups.hpp"
#include "protocol/messages/describe_groups.hpp"
#include "protocol/messages/find_coordinator.hpp"
#include "protocol/messages/incremental_alter_configs.hpp"
#include "protocol/messages/join_group.hpp"
#include "protocol/messages/list_groups.hpp"
#include "protocol/messages/offset_commit.hpp"
#include "protocol/messages/offset_delete.hpp"
#include "protocol/messages/offset_fetch.hpp"
#include "tests/integration/test_broker.hpp"
#include "tests/support/eventually.hpp"

namespace sluice {
namespace {

using protocol::ErrorCode;
using test::ask;
using test::eventually;
using test::number;
using test::TestBroker;

/// The longest that the protocol can carry.
const std::string kLong(32767, 'x');

void find_coordinator(client::WireConnection& connection) {
  protocol::FindCoordinatorRequest find;
  find.coordinator_keys = {"g", kLong, ""};
  REQUIRE(eventually([&] {
    protocol::DescribeGroupsRequest request;
    request.groups = find.coordinator_keys;
    const auto answer = ask<protocol::FindCoordinator>(connection, find);
    if (answer.coordinators.at(0).error_code != ErrorCode::none) return false;
    for (const auto& group : ask<protocol::DescribeGroups>(connection, request, 6).groups) {
      if (group.error_code != ErrorCode::group_id_not_found) return false;
    }
    return true;
  }));
}

protocol::JoinGroupRequest join_of(const std::string& group) {
  protocol::JoinGroupRequest join;
  join.group_id = group;
  join.session_timeout_ms = 10'000;
  join.rebalance_timeout_ms = 10'000;
  join.protocol_type = "consumer";
  join.protocols.emplace_back().name = "range";
  return join;
}

int altered(client::WireConnection& connection, std::int8_t type, const std::string& resource, const std::string& name,
            const std::string& value, std::int8_t operation = 0) {
  protocol::IncrementalAlterConfigsRequest request;
  auto& to = request.resources.emplace_back();
  to.resource_type = type;
  to.resource_name = resource;
  auto& config = to.configs.emplace_back();
  config.name = name;
  config.value = value;
  config.config_operation = operation;
  const auto result = ask<protocol::IncrementalAlterConfigs>(connection, request).responses.at(0);
  CHECK(result.error_message.value_or("").size() < 1000);
  return number(result.error_code);
}

protocol::OffsetCommitRequest commit_of(const std::string& group, std::vector<std::int32_t> partitions) {
  protocol::OffsetCommitRequest request;
  request.group_id = group;
  request.generation_id_or_member_epoch = -1;
  auto& topic = request.topics.emplace_back();
  topic.name = "t";
  for (const auto partition : partitions) {
    auto& item = topic.partitions.emplace_back();
    item.partition_index = PartitionId{partition};
    item.committed_offset = Offset{7};
  }
  return request;
}

}  // namespace

TEST_CASE("a member that calls itself by the longest of names joins", "[groups]") {
  TestBroker broker{{"group.initial.rebalance.delay.ms=0"}};
  auto connection = broker.connect();
  find_coordinator(connection);
  connection.set_client_id(kLong);
  const auto old = ask<protocol::JoinGroup>(connection, join_of("g"), 3);
  CHECK(number(old.error_code) == 0);
  CHECK(old.member_id.size() < 400);
  CHECK(number(ask<protocol::JoinGroup>(connection, join_of("g"), 9).error_code) ==
        number(ErrorCode::member_id_required));
  auto join = join_of(kLong);
  join.group_instance_id = kLong;
  const auto joined = ask<protocol::JoinGroup>(connection, join, 9);
  CHECK(number(joined.error_code) == 0);
  CHECK(joined.member_id.size() < 400);
}

TEST_CASE("an answer quotes no more of a long name than it has room for", "[groups]") {
  TestBroker broker;
  broker.create_topic("t");
  auto connection = broker.connect();
  find_coordinator(connection);
  protocol::DescribeGroupsRequest describe;
  describe.groups = {kLong, kLong};
  const auto described = ask<protocol::DescribeGroups>(connection, describe, 6);
  REQUIRE(described.groups.size() == 1);
  CHECK(number(described.groups[0].error_code) == number(ErrorCode::group_id_not_found));

  protocol::ConsumerGroupDescribeRequest describe_consumers;
  describe_consumers.group_ids = {kLong, kLong};
  CHECK(ask<protocol::ConsumerGroupDescribe>(connection, describe_consumers).groups.size() == 1);

  protocol::ConsumerGroupHeartbeatRequest beat;
  beat.group_id = kLong;
  beat.member_id = "m";
  beat.member_epoch = 5;
  CHECK(number(ask<protocol::ConsumerGroupHeartbeat>(connection, beat).error_code) ==
        number(ErrorCode::group_id_not_found));
  beat.member_epoch = 0;
  beat.rebalance_timeout_ms = 60'000;
  beat.topic_partitions.emplace();
  beat.subscribed_topic_regex = std::string(32767, '(');
  CHECK(number(ask<protocol::ConsumerGroupHeartbeat>(connection, beat).error_code) ==
        number(ErrorCode::invalid_regular_expression));
  beat.server_assignor = kLong;
  CHECK(number(ask<protocol::ConsumerGroupHeartbeat>(connection, beat).error_code) ==
        number(ErrorCode::unsupported_assignor));

  for (const std::int8_t type : {2, 4, 32}) {
    const std::string resource = type == 2 ? "t" : type == 4 ? "" : "g";
    CHECK(altered(connection, type, resource, kLong, "1") != 0);
    CHECK(altered(connection, type, resource, kLong, "1", 2) != 0);
    CHECK(altered(connection, type, resource, kLong, "1", 9) != 0);
  }
  CHECK(altered(connection, 2, "t", "retention.ms", kLong) != 0);
  CHECK(altered(connection, 32, "g", "consumer.session.timeout.ms", kLong) != 0);
  CHECK(altered(connection, 2, kLong, "retention.ms", "1") != 0);
  CHECK(altered(connection, 4, kLong, "log.retention.ms", "1") != 0);
  CHECK(altered(connection, 2, "t", "retention.ms", "100000") == 0);
}

TEST_CASE("offsets are committed for partitions that exist, and within one batch", "[groups]") {
  TestBroker broker;
  broker.create_topic("t", {}, 2);
  auto connection = broker.connect();
  find_coordinator(connection);
  const auto answer = ask<protocol::OffsetCommit>(connection, commit_of("g", {0, -1, 1, 2, 2'000'000'000}), 9);
  REQUIRE(answer.topics.size() == 1);
  REQUIRE(answer.topics[0].partitions.size() == 5);
  for (const auto& partition : answer.topics[0].partitions) {
    const auto index = partition.partition_index.value();
    const auto expected = index == 0 || index == 1 ? ErrorCode::none : ErrorCode::unknown_topic_or_partition;
    CHECK(number(partition.error_code) == number(expected));
  }
  const auto refused = ask<protocol::OffsetCommit>(connection, commit_of(kLong, std::vector<std::int32_t>(1000, 0)), 2);
  REQUIRE(refused.topics.size() == 1);
  CHECK(number(refused.topics[0].partitions.back().error_code) == number(ErrorCode::invalid_commit_offset_size));

  protocol::OffsetFetchRequest fetch;
  auto& group = fetch.groups.emplace_back();
  group.group_id = "g";
  auto& topic = group.topics.emplace().emplace_back();
  topic.name = "t";
  topic.partition_indexes = std::vector<PartitionId>(1000, PartitionId{1});
  fetch.groups.push_back(fetch.groups[0]);
  const auto fetched = ask<protocol::OffsetFetch>(connection, fetch, 9);
  REQUIRE(fetched.groups.size() == 2);
  REQUIRE(fetched.groups[0].topics.at(0).partitions.size() == 1);
  CHECK(fetched.groups[0].topics[0].partitions[0].committed_offset == Offset{7});
  CHECK(number(fetched.groups[1].error_code) == number(ErrorCode::invalid_request));
}

TEST_CASE("the group of clients that name none can be described and deleted", "[groups]") {
  TestBroker broker;
  broker.create_topic("t");
  auto connection = broker.connect();
  find_coordinator(connection);
  const auto committed = ask<protocol::OffsetCommit>(connection, commit_of("", {0}), 2);
  CHECK(number(committed.topics.at(0).partitions.at(0).error_code) == 0);
  protocol::DescribeGroupsRequest describe;
  describe.groups = {""};
  CHECK(ask<protocol::DescribeGroups>(connection, describe, 6).groups.at(0).group_state == "Empty");
  protocol::OffsetDeleteRequest forget;
  CHECK(number(ask<protocol::OffsetDelete>(connection, forget).error_code) == number(ErrorCode::invalid_group_id));
  protocol::ConsumerGroupDescribeRequest describe_consumers;
  describe_consumers.group_ids = {""};
  CHECK(number(ask<protocol::ConsumerGroupDescribe>(connection, describe_consumers).groups.at(0).error_code) ==
        number(ErrorCode::invalid_group_id));

  protocol::ListGroupsRequest list;
  list.states_filter = {"no such state"};
  CHECK(ask<protocol::ListGroups>(connection, list).groups.empty());
  list.states_filter = {"EMPTY", "no such state"};
  CHECK(ask<protocol::ListGroups>(connection, list).groups.size() == 1);
  protocol::DeleteGroupsRequest remove;
  remove.groups_names = {"", ""};
  const auto removed = ask<protocol::DeleteGroups>(connection, remove);
  REQUIRE(removed.results.size() == 1);
  CHECK(number(removed.results[0].error_code) == 0);
}

}  // namespace sluice

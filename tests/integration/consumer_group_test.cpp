#include <algorithm>
#include <catch2/catch.hpp>

#include "protocol/messages/api_versions.hpp"
#include "protocol/messages/consumer_group_describe.hpp"
#include "protocol/messages/consumer_group_heartbeat.hpp"
#include "protocol/messages/delete_groups.hpp"
#include "protocol/messages/describe_groups.hpp"
#include "protocol/messages/find_coordinator.hpp"
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
using HeartbeatRequest = protocol::ConsumerGroupHeartbeatRequest;
using HeartbeatResponse = protocol::ConsumerGroupHeartbeatResponse;

constexpr int kUnknownMemberId = 25;
constexpr int kUnsupportedVersion = 35;
constexpr int kNonEmptyGroup = 68;
constexpr int kGroupIdNotFound = 69;
constexpr int kGroupSubscribedToTopic = 86;
constexpr int kStaleMemberEpoch = 113;

/// A consumer of the new protocol, of topic "t" in group "g", as far as it can be without reading.
class Consumer {
 public:
  Consumer(client::WireConnection connection, std::string id)
      : connection_(std::move(connection)), id_(std::move(id)) {}

  /// Sends one heartbeat with all that a real one tells, and does what the answer says. The error.
  int beat() {
    HeartbeatRequest request;
    request.group_id = "g";
    request.member_id = id_;
    request.member_epoch = epoch_;
    request.topic_partitions = owned_;
    if (epoch_ == 0) {
      request.rebalance_timeout_ms = 60'000;
      request.subscribed_topic_names = {"t"};
      request.topic_partitions.emplace();
    }
    HeartbeatResponse answer;
    const bool answered = eventually([&] {
      answer = ask<protocol::ConsumerGroupHeartbeat>(connection_, request);
      return answer.error_code != ErrorCode::coordinator_load_in_progress &&
             answer.error_code != ErrorCode::not_coordinator;
    });
    CHECK(answered);
    if (answer.error_code != ErrorCode::none) return number(answer.error_code);
    epoch_ = answer.member_epoch;
    if (answer.assignment) {
      owned_.emplace();
      for (const auto& topic : answer.assignment->topic_partitions) {
        owned_->push_back({.topic_id = topic.topic_id, .partitions = topic.partitions});
      }
    }
    return 0;
  }
  void leave() {
    epoch_ = -1;
    REQUIRE(beat() == 0);
  }

  std::vector<PartitionId> owned() const {
    if (!owned_ || owned_->empty()) return {};
    return owned_->front().partitions;
  }
  int commit(std::int32_t partition, std::int64_t offset, std::int32_t epoch, std::int16_t version = 9) {
    protocol::OffsetCommitRequest request;
    request.group_id = "g";
    request.member_id = id_;
    request.generation_id_or_member_epoch = epoch;
    auto& topic = request.topics.emplace_back();
    topic.name = "t";
    auto& item = topic.partitions.emplace_back();
    item.partition_index = PartitionId{partition};
    item.committed_offset = Offset{offset};
    return number(ask<protocol::OffsetCommit>(connection_, request, version).topics[0].partitions[0].error_code);
  }
  std::int32_t epoch() const { return epoch_; }

 private:
  client::WireConnection connection_;
  std::string id_;
  std::int32_t epoch_ = 0;
  std::optional<std::vector<HeartbeatRequest::TopicPartitions>> owned_{};
};

void find_coordinator(client::WireConnection& connection) {
  protocol::FindCoordinatorRequest find;
  find.coordinator_keys = {"g"};
  REQUIRE(eventually([&] {
    return ask<protocol::FindCoordinator>(connection, find).coordinators.at(0).error_code == ErrorCode::none;
  }));
}

protocol::OffsetFetchResponse::OffsetFetchResponseGroup fetch(client::WireConnection& connection,
                                                              std::optional<std::string> member = {},
                                                              std::int32_t epoch = -1) {
  protocol::OffsetFetchRequest request;
  request.require_stable = true;
  auto& group = request.groups.emplace_back();
  group.group_id = "g";
  group.member_id = std::move(member);
  group.member_epoch = epoch;
  auto& topic = group.topics.emplace().emplace_back();
  topic.name = "t";
  topic.partition_indexes = {PartitionId{0}};
  return ask<protocol::OffsetFetch>(connection, request, 9).groups.at(0);
}

Offset fetched(client::WireConnection& connection) {
  return fetch(connection).topics.at(0).partitions.at(0).committed_offset;
}

protocol::ConsumerGroupDescribeResponse::DescribedGroup describe(client::WireConnection& connection) {
  protocol::ConsumerGroupDescribeRequest request;
  request.group_ids = {"g"};
  return ask<protocol::ConsumerGroupDescribe>(connection, request).groups.at(0);
}

protocol::DescribeGroupsResponse::DescribedGroup describe_classic(client::WireConnection& connection,
                                                                  std::int16_t version) {
  protocol::DescribeGroupsRequest request;
  request.groups = {"g"};
  return ask<protocol::DescribeGroups>(connection, request, version).groups.at(0);
}

std::vector<protocol::ListGroupsResponse::ListedGroup> list(client::WireConnection& connection,
                                                            const std::string& type) {
  protocol::ListGroupsRequest request;
  request.types_filter = {type};
  return ask<protocol::ListGroups>(connection, request).groups;
}

int delete_group(client::WireConnection& connection) {
  protocol::DeleteGroupsRequest request;
  request.groups_names = {"g"};
  return number(ask<protocol::DeleteGroups>(connection, request).results.at(0).error_code);
}

int delete_offset(client::WireConnection& connection) {
  protocol::OffsetDeleteRequest request;
  request.group_id = "g";
  auto& topic = request.topics.emplace_back();
  topic.name = "t";
  topic.partitions.emplace_back().partition_index = PartitionId{0};
  return number(ask<protocol::OffsetDelete>(connection, request).topics.at(0).partitions.at(0).error_code);
}

}  // namespace

TEST_CASE("clients are told that groups of the consumer protocol are served", "[groups]") {
  TestBroker broker;
  auto connection = broker.connect();
  protocol::ApiVersionsRequest request;
  request.client_software_name = "test";
  request.client_software_version = "1";
  const auto answer = ask<protocol::ApiVersions>(connection, request);
  const auto& features = answer.finalized_features;
  const auto found = std::find_if(features.begin(), features.end(),
                                  [](const auto& feature) { return feature.name == "group.version"; });
  REQUIRE(found != features.end());
  CHECK(found->max_version_level == 1);
}

TEST_CASE("a group of the consumer protocol goes on where it was after a crash", "[groups]") {
  TestBroker broker;
  broker.create_topic("t", {}, 4);
  auto connection = broker.connect();
  find_coordinator(connection);
  std::int32_t epoch = 0;
  {
    Consumer one{broker.connect(), "one"};
    Consumer two{broker.connect(), "two"};
    REQUIRE(one.beat() == 0);
    CHECK(one.owned().size() == 4);
    REQUIRE(two.beat() == 0);
    for (int i = 0; i < 3; ++i) {
      REQUIRE(one.beat() == 0);
      REQUIRE(two.beat() == 0);
    }
    CHECK(one.owned().size() == 2);
    CHECK(two.owned().size() == 2);
    epoch = one.epoch();
    CHECK(one.commit(0, 42, epoch) == 0);
    CHECK(describe(connection).group_state == "Stable");
    CHECK(describe(connection).members.size() == 2);
  }
  broker.crash_and_restart();
  connection = broker.connect();
  REQUIRE(eventually([&] { return describe(connection).error_code == ErrorCode::none; }));
  const auto after = describe(connection);
  CHECK(after.group_state == "Stable");
  CHECK(after.group_epoch == epoch);
  REQUIRE(after.members.size() == 2);
  CHECK(after.members[0].assignment.topic_partitions.at(0).topic_name == "t");
  CHECK(fetched(connection) == Offset{42});
}

TEST_CASE("who is not, or no more, what the group knows can't commit or fetch for a member", "[groups]") {
  TestBroker broker;
  broker.create_topic("t", {}, 2);
  auto connection = broker.connect();
  find_coordinator(connection);
  Consumer one{broker.connect(), "one"};
  REQUIRE(one.beat() == 0);
  REQUIRE(one.commit(0, 7, one.epoch()) == 0);

  CHECK(one.commit(0, 8, one.epoch() + 1) == kStaleMemberEpoch);
  CHECK(one.commit(0, 8, one.epoch(), 8) == kUnsupportedVersion);
  CHECK(Consumer{broker.connect(), "stranger"}.commit(0, 8, one.epoch()) == kUnknownMemberId);
  CHECK(Consumer{broker.connect(), ""}.commit(0, 8, -1) == kUnknownMemberId);
  CHECK(number(fetch(connection, "one", one.epoch()).error_code) == 0);
  CHECK(number(fetch(connection, "one", one.epoch() + 1).error_code) == kStaleMemberEpoch);
  CHECK(number(fetch(connection, "stranger", one.epoch()).error_code) == kUnknownMemberId);
  CHECK(fetched(connection) == Offset{7});
}

TEST_CASE("administrators see what protocol a group speaks", "[groups]") {
  TestBroker broker;
  broker.create_topic("t", {}, 2);
  auto connection = broker.connect();
  find_coordinator(connection);
  CHECK(number(describe(connection).error_code) == kGroupIdNotFound);
  Consumer one{broker.connect(), "one"};
  REQUIRE(one.beat() == 0);
  REQUIRE(one.commit(0, 7, one.epoch()) == 0);

  REQUIRE(list(connection, "Consumer").size() == 1);
  CHECK(list(connection, "Consumer").front().group_state == "Stable");
  CHECK(list(connection, "classic").empty());
  const auto other = describe_classic(connection, 6);
  CHECK(number(other.error_code) == kGroupIdNotFound);
  CHECK(other.error_message == "Group g is not a classic group.");
  CHECK(number(describe_classic(connection, 5).error_code) == 0);
  CHECK(describe_classic(connection, 5).group_state == "Dead");
  CHECK(delete_group(connection) == kNonEmptyGroup);
  CHECK(delete_offset(connection) == kGroupSubscribedToTopic);

  one.leave();
  CHECK(describe(connection).group_state == "Empty");
  CHECK(delete_offset(connection) == 0);
  CHECK(fetched(connection) == kNoOffset);
  CHECK(delete_group(connection) == 0);
  CHECK(delete_group(connection) == kGroupIdNotFound);
  CHECK(list(connection, "consumer").empty());
  broker.restart();
  connection = broker.connect();
  CHECK(eventually([&] { return number(describe(connection).error_code) == kGroupIdNotFound; }));
}

TEST_CASE("an empty group is of the protocol that its next member speaks", "[groups]") {
  TestBroker broker{{"group.initial.rebalance.delay.ms=0"}};
  broker.create_topic("t", {}, 2);
  auto connection = broker.connect();
  find_coordinator(connection);
  Consumer one{broker.connect(), "one"};
  REQUIRE(one.beat() == 0);
  REQUIRE(one.commit(0, 7, one.epoch()) == 0);
  one.leave();

  protocol::JoinGroupRequest join;
  join.group_id = "g";
  join.session_timeout_ms = 10'000;
  join.rebalance_timeout_ms = 10'000;
  join.protocol_type = "consumer";
  join.protocols.emplace_back().name = "range";
  CHECK(number(ask<protocol::JoinGroup>(connection, join, 3).error_code) == 0);
  REQUIRE(list(connection, "classic").size() == 1);
  CHECK(number(describe(connection).error_code) == kGroupIdNotFound);
  CHECK(fetched(connection) == Offset{7});
}

}  // namespace sluice

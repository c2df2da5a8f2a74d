#include <catch2/catch.hpp>

#include "tests/unit/broker/group/consumer/consumer_group_harness.hpp"

// What a consumer group refuses, and who may commit and fetch.

namespace sluice::test {
namespace {

using protocol::ErrorCode;
using Change = ConsumerGroupHarness::Change;
using Request = ConsumerGroupHarness::Request;

TEST_CASE("requests that make no sense are refused and change nothing", "[group]") {
  ConsumerGroupHarness group;
  group.create("t", 1);
  const auto [what, change, error] = GENERATE(table<std::string, Change, ErrorCode>({
      {"no member id", [](Request& r) { r.member_id = ""; }, ErrorCode::invalid_request},
      {"no group id", [](Request& r) { r.group_id = ""; }, ErrorCode::invalid_request},
      {"a blank group id", [](Request& r) { r.group_id = "  "; }, ErrorCode::invalid_request},
      {"an empty instance id", [](Request& r) { r.instance_id = ""; }, ErrorCode::invalid_request},
      {"an empty rack id", [](Request& r) { r.rack_id = ""; }, ErrorCode::invalid_request},
      {"topic names by the megabyte",
       [](Request& r) { r.subscribed_topic_names = std::vector<std::string>(5000, std::string(249, 'x')); },
       ErrorCode::invalid_request},
      {"joining without a rebalance timeout", [](Request& r) { r.rebalance_timeout_ms = -1; },
       ErrorCode::invalid_request},
      {"joining without a subscription", [](Request& r) { r.subscribed_topic_names.reset(); },
       ErrorCode::invalid_request},
      {"joining with partitions", [](Request& r) { r.topic_partitions.emplace().emplace_back(); },
       ErrorCode::invalid_request},
      {"joining without telling of partitions", [](Request& r) { r.topic_partitions.reset(); },
       ErrorCode::invalid_request},
      {"an epoch below -2", [](Request& r) { r.member_epoch = -3; }, ErrorCode::invalid_request},
      {"leaving for a while without an instance id", [](Request& r) { r.member_epoch = -2; },
       ErrorCode::invalid_request},
      {"an unknown assignor", [](Request& r) { r.server_assignor = "sticky"; }, ErrorCode::unsupported_assignor},
      {"a broken expression", [](Request& r) { r.subscribed_topic_regex = "("; },
       ErrorCode::invalid_regular_expression},
      {"a member that is not there", [](Request& r) { r.member_epoch = 1; }, ErrorCode::unknown_member_id},
      {"leaving without being there", [](Request& r) { r.member_epoch = -1; }, ErrorCode::unknown_member_id},
  }));
  CAPTURE(what);
  const auto response = group.join("a", {"t"}, change);
  CHECK(response.error_code == error);
  REQUIRE(response.error_message);
  CHECK_FALSE(response.error_message->empty());
  CHECK(group.written() == 0);
  CHECK_FALSE(group.group->is_stored());
}

TEST_CASE("a member of version 0 that brings no id gets one", "[group]") {
  ConsumerGroupHarness group;
  Request request;
  request.group_id = "g";
  request.rebalance_timeout_ms = 1000;
  request.subscribed_topic_names = std::vector<std::string>{};
  request.topic_partitions.emplace();
  const auto joined = group.send(request, 0);
  CHECK(joined.error_code == ErrorCode::none);
  REQUIRE(joined.member_id);
  CHECK_FALSE(joined.member_id->empty());
  CHECK(group.group->members().count(*joined.member_id) == 1);
}

TEST_CASE("a full group takes no more members, but its own", "[group]") {
  ConsumerGroupHarness group{{.consumer_size_max = 2}};
  for (const auto* id : {"a", "b"}) group.join(id, {});
  CHECK(group.join("c", {}).error_code == ErrorCode::group_max_size_reached);
  CHECK(group.join("a", {}).error_code == ErrorCode::none);
  group.leave("b");
  CHECK(group.join("c", {}).error_code == ErrorCode::none);
}

TEST_CASE("offsets are committed by members in their present epoch", "[group]") {
  ConsumerGroupHarness group;
  group.create("t", 4);
  const auto check = [&](const std::string& member, std::int32_t epoch) {
    return group.group->check_commit(member, std::nullopt, epoch, group.now);
  };

  SECTION("and by anybody while there are no members") { CHECK(check("", -1) == ErrorCode::none); }
  SECTION("not by strangers") {
    group.join("a", {"t"});
    CHECK(check("", -1) == ErrorCode::unknown_member_id);
    CHECK(check("b", 1) == ErrorCode::unknown_member_id);
    CHECK(check("a", 1) == ErrorCode::none);
    CHECK(check("a", 2) == ErrorCode::stale_member_epoch);
    CHECK(check("a", 0) == ErrorCode::stale_member_epoch);
  }
  SECTION("or in the one before, of partitions that they had then and still have") {
    group.join("a", {"t"});
    group.join("b", {"t"});
    group.settle();
    const auto topic = group.id_of("t");
    const auto kept = PartitionId{group.owned("a", "t").front()};
    const auto given = PartitionId{group.owned("b", "t").front()};
    REQUIRE(check("a", 1) == ErrorCode::stale_member_epoch);
    CHECK(group.group->may_commit_late("a", 1, topic, kept));
    CHECK_FALSE(group.group->may_commit_late("a", 0, topic, kept));   // had it not
    CHECK_FALSE(group.group->may_commit_late("a", 1, topic, given));  // has it no more
    CHECK_FALSE(group.group->may_commit_late("b", 1, topic, given));  // was not there
    CHECK_FALSE(group.group->may_commit_late("a", 9, topic, kept));
    CHECK_FALSE(group.group->may_commit_late("c", 1, topic, kept));
    group.restart();
    CHECK(group.group->may_commit_late("a", 1, topic, kept));
    CHECK_FALSE(group.group->may_commit_late("b", 1, topic, given));
  }
}

TEST_CASE("offsets are fetched by members in their present epoch, and by those that tell nothing", "[group]") {
  ConsumerGroupHarness group;
  group.join("a", {});
  CHECK(group.group->check_fetch(std::nullopt, -1) == ErrorCode::none);
  CHECK(group.group->check_fetch("a", 1) == ErrorCode::none);
  CHECK(group.group->check_fetch("a", 7) == ErrorCode::stale_member_epoch);
  CHECK(group.group->check_fetch("b", 1) == ErrorCode::unknown_member_id);
  CHECK(group.group->check_fetch(std::nullopt, 1) == ErrorCode::unknown_member_id);
}

TEST_CASE("a group is described with what its members own and are to own", "[group]") {
  ConsumerGroupHarness group;
  group.create("t", 2);
  group.join_static("a", "one", {"t"});
  group.join("b", {"t"}, [](Request& r) { r.rack_id = "north"; });
  const auto described = group.group->describe(group.image);
  CHECK(described.group_id == "g");
  CHECK(described.group_state == "Reconciling");
  CHECK(described.group_epoch == 2);
  CHECK(described.assignment_epoch == 2);
  CHECK(described.assignor_name == "uniform");
  REQUIRE(described.members.size() == 2);
  const auto& a = described.members[0];
  CHECK(a.member_id == "a");
  CHECK(a.instance_id == "one");
  CHECK(a.member_epoch == 1);
  CHECK(a.client_id == "client");
  CHECK(a.client_host == "/127.0.0.1");
  CHECK(a.subscribed_topic_names == std::vector<std::string>{"t"});
  CHECK(a.member_type == 1);
  REQUIRE(a.assignment.topic_partitions.size() == 1);
  CHECK(a.assignment.topic_partitions[0].topic_name == "t");
  CHECK(a.assignment.topic_partitions[0].topic_id == group.id_of("t"));
  CHECK(a.assignment.topic_partitions[0].partitions.size() == 2);
  REQUIRE(a.target_assignment.topic_partitions.size() == 1);
  CHECK(a.target_assignment.topic_partitions[0].partitions.size() == 1);
  CHECK(described.members[1].rack_id == "north");
  CHECK(described.members[1].assignment.topic_partitions.empty());
}

}  // namespace
}  // namespace sluice::test

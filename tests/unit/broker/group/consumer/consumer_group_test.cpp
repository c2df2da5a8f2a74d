#include <catch2/catch.hpp>

#include "tests/unit/broker/group/consumer/consumer_group_harness.hpp"

namespace sluice::test {
namespace {

using broker::group::ConsumerGroupState;
using broker::group::CurrentAssignmentRecord;
using broker::group::MemberState;
using broker::group::TargetAssignmentRecord;
using protocol::ErrorCode;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Partitions = std::vector<int>;
using Request = ConsumerGroupHarness::Request;

TEST_CASE("the first member of a consumer group gets every partition at once", "[group]") {
  ConsumerGroupHarness group;
  group.create("t", 3);
  CHECK(group.group->state() == ConsumerGroupState::empty);

  const auto joined = group.join("a", {"t"});

  CHECK(joined.error_code == ErrorCode::none);
  CHECK(joined.member_id == "a");
  CHECK(joined.member_epoch == 1);
  CHECK(joined.heartbeat_interval_ms == 5000);
  REQUIRE(joined.assignment);
  CHECK(group.owned("a", "t") == Partitions{0, 1, 2});
  CHECK(group.group->state() == ConsumerGroupState::stable);

  SECTION("and heartbeats on without records and without an assignment in the answers") {
    const auto beat = group.beat("a");
    CHECK(beat.member_epoch == 1);
    CHECK_FALSE(beat.assignment);
    CHECK(group.written() == 0);
  }
  SECTION("unless it sends everything: then the answer has everything") {
    const auto beat = group.beat("a", [](Request& request) {
      request.rebalance_timeout_ms = 60'000;
      request.subscribed_topic_names = std::vector<std::string>{"t"};
    });
    CHECK(beat.assignment);
    CHECK(group.written() == 0);
  }
}

TEST_CASE("a second member gets its partitions when the first has given them up", "[group]") {
  ConsumerGroupHarness group;
  group.create("t", 4);
  group.join("a", {"t"});

  const auto joined = group.join("b", {"t"});
  CHECK(joined.member_epoch == 2);
  CHECK(group.owned("b", "t").empty());
  CHECK(group.member("b").state == MemberState::unreleased_partitions);
  CHECK(group.group->state() == ConsumerGroupState::reconciling);

  const auto told = group.beat("a");  // its client gives up what is no more in the assignment
  CHECK(told.member_epoch == 1);
  CHECK(group.owned("a", "t").size() == 2);
  CHECK(group.member("a").state == MemberState::unrevoked_partitions);

  group.beat("b");
  CHECK(group.owned("b", "t").empty());  // not confirmed yet

  CHECK(group.beat("a").member_epoch == 2);
  CHECK(group.member("a").state == MemberState::stable);
  CHECK(group.beat("b").assignment);
  CHECK(group.owned("b", "t").size() == 2);
  CHECK(group.group->state() == ConsumerGroupState::stable);
  CHECK(group.group->group_epoch() == 2);
}

TEST_CASE("a member that leaves gives its partitions to those that stay", "[group]") {
  ConsumerGroupHarness group;
  group.create("t", 4);
  for (const auto* id : {"a", "b"}) group.join(id, {"t"});
  group.settle();

  const auto left = group.leave("b");
  CHECK(left.error_code == ErrorCode::none);
  CHECK(left.member_epoch == -1);
  CHECK(group.group->state() == ConsumerGroupState::assigning);
  CHECK(group.group->group_epoch() == 3);

  CHECK(group.beat("a").member_epoch == 3);
  CHECK(group.owned("a", "t") == Partitions{0, 1, 2, 3});

  SECTION("and the last one leaves an empty group behind, in a new epoch") {
    group.leave("a");
    CHECK(group.group->state() == ConsumerGroupState::empty);
    CHECK(group.group->group_epoch() == 4);
    CHECK(group.group->owners().size() == 0);
    CHECK_FALSE(group.group->is_subscribed_to("t"));
    CHECK_FALSE(group.group->next_deadline());
    CHECK(group.join("c", {"t"}).member_epoch == 5);
  }
  SECTION("and is not known any more") { CHECK(group.group->members().size() == 1); }
}

TEST_CASE("many members settle with all partitions, each with one owner", "[group]") {
  ConsumerGroupHarness group;
  group.create("t", 20);
  group.create("u", 7);
  for (const auto* id : {"a", "b", "c", "d", "e", "f"}) group.join(id, {"t", "u"});
  group.settle();

  CHECK(group.group->state() == ConsumerGroupState::stable);
  CHECK(group.group->owners().size() == 27);
  for (const auto& [id, member] : group.group->members()) {
    CHECK(member.assigned.size() >= 4);
    CHECK(member.assigned.size() <= 5);
    CHECK(member.member_epoch == group.group->group_epoch());
  }
}

TEST_CASE("a heartbeat whose answer was lost is repeated and accepted", "[group]") {
  ConsumerGroupHarness group;
  group.create("t", 4);
  group.join("a", {"t"});
  group.join("b", {"t"});
  group.beat("a");
  const auto lost = group.beat_in_vain("a");  // moves to epoch 2
  REQUIRE(lost.member_epoch == 2);

  SECTION("when the member owns no more than it was assigned") {
    const auto again = group.beat("a");
    CHECK(again.error_code == ErrorCode::none);
    CHECK(again.member_epoch == 2);
  }
  SECTION("else it is fenced") {
    const auto fenced = group.beat("a", [&](Request& request) {
      request.topic_partitions.emplace().push_back(
          {group.id_of("t"), {PartitionId{0}, PartitionId{1}, PartitionId{2}}});
    });
    CHECK(fenced.error_code == ErrorCode::fenced_member_epoch);
  }
  SECTION("and fenced when it does not tell what it owns") {
    const auto fenced = group.beat("a", [](Request& request) { request.topic_partitions.reset(); });
    CHECK(fenced.error_code == ErrorCode::fenced_member_epoch);
  }
}

TEST_CASE("a join whose answer was lost is repeated and accepted", "[group]") {
  ConsumerGroupHarness group;
  group.create("t", 2);
  group.join("a", {"t"});
  const auto again = group.join("a", {"t"});
  CHECK(again.error_code == ErrorCode::none);
  CHECK(again.member_epoch == 1);
  CHECK(group.owned("a", "t") == Partitions{0, 1});
  CHECK(group.written() == 0);
}

TEST_CASE("a member in a wrong epoch is fenced and may join anew at epoch zero", "[group]") {
  ConsumerGroupHarness group;
  group.create("t", 2);
  group.join("a", {"t"});

  const auto ahead = group.beat("a", [](Request& request) { request.member_epoch = 7; });
  CHECK(ahead.error_code == ErrorCode::fenced_member_epoch);
  CHECK(group.written() == 0);

  CHECK(group.join("a", {"t"}).member_epoch == 1);
  CHECK(group.owned("a", "t") == Partitions{0, 1});
}

TEST_CASE("a member that is to give up partitions and joins anew has given them up", "[group]") {
  ConsumerGroupHarness group;
  group.create("t", 2);
  group.join("a", {"t"});
  group.join("b", {"t"});
  group.beat_in_vain("a");
  REQUIRE(group.member("a").state == MemberState::unrevoked_partitions);
  CHECK(group.join("a", {"t"}).member_epoch == 2);
  CHECK(group.owned("a", "t").size() == 1);
  group.beat("b");
  CHECK(group.owned("b", "t").size() == 1);
}

TEST_CASE("a silent member is fenced when its session ends", "[group]") {
  ConsumerGroupHarness group;
  group.create("t", 2);
  group.join("a", {"t"});
  group.join("b", {"t"});
  group.settle();

  CHECK_FALSE(group.pass(seconds{40}));
  group.beat("a");
  CHECK(group.pass(seconds{5}));
  CHECK(group.group->members().count("b") == 0);
  CHECK(group.group->group_epoch() == 3);
  CHECK(group.beat("b").error_code == ErrorCode::unknown_member_id);
  group.beat("a");
  CHECK(group.owned("a", "t") == Partitions{0, 1});
}

TEST_CASE("a refused heartbeat does not prolong a session", "[group]") {
  ConsumerGroupHarness group;
  group.create("t", 2);
  group.join("a", {"t"});
  group.pass(seconds{30});
  group.beat("a", [](Request& request) { request.member_epoch = 9; });
  CHECK(group.pass(seconds{15}));
  CHECK(group.group->members().empty());
}

TEST_CASE("a member that does not give up its partitions in its rebalance timeout is fenced", "[group]") {
  ConsumerGroupHarness group;
  group.create("t", 2);
  group.join("a", {"t"}, [](Request& request) { request.rebalance_timeout_ms = 10'000; });
  group.join("b", {"t"});
  const auto both = [&](Request& request) {
    request.topic_partitions.emplace().push_back({group.id_of("t"), {PartitionId{0}, PartitionId{1}}});
  };
  group.beat("a", both);
  REQUIRE(group.member("a").rebalance_deadline);

  CHECK_FALSE(group.pass(seconds{9}));
  group.beat("a", both);  // alive, and still at it
  CHECK(group.pass(seconds{1}));
  CHECK(group.group->members().count("a") == 0);
  group.beat("b");
  CHECK(group.owned("b", "t") == Partitions{0, 1});
}

TEST_CASE("new partitions of a topic are assigned with the next heartbeat", "[group]") {
  ConsumerGroupHarness group;
  group.create("t", 2);
  group.join("a", {"t"});
  group.grow("t", 5);

  const auto beat = group.beat("a");
  CHECK(beat.member_epoch == 2);
  CHECK(group.owned("a", "t") == Partitions{0, 1, 2, 3, 4});
}

TEST_CASE("changes of the cluster that do not concern a group write nothing", "[group]") {
  ConsumerGroupHarness group;
  group.create("t", 2);
  group.join("a", {"t"});
  group.create("another", 3);
  group.beat("a");
  CHECK(group.written() == 0);
  CHECK(group.group->group_epoch() == 1);
}

TEST_CASE("the racks of partitions are part of what a group goes by", "[group]") {
  ConsumerGroupHarness group;
  group.create("t", 2, {1, 2});
  group.set_rack(1, "north");
  group.join("a", {"t"});
  group.set_rack(3, "east");  // has no replicas
  group.beat("a");
  CHECK(group.group->group_epoch() == 1);
  group.set_rack(2, "south");
  group.beat("a");
  CHECK(group.group->group_epoch() == 2);
}

TEST_CASE("a deleted topic leaves the assignments with the next heartbeat", "[group]") {
  ConsumerGroupHarness group;
  group.create("t", 2);
  group.create("u", 2);
  group.join("a", {"t", "u"});
  const auto gone = group.id_of("u");
  group.remove("u");

  const auto told = group.beat("a");
  REQUIRE(told.assignment);
  CHECK(group.client("a").owned.of(gone).empty());
  CHECK(group.owned("a", "t") == Partitions{0, 1});
  group.settle();
  CHECK(group.member("a").member_epoch == 2);
  CHECK(group.group->owners().size() == 2);

  SECTION("and comes back with its new id when it is created again") {
    group.create("u", 2);
    CHECK(group.id_of("u") != gone);
    group.settle();
    CHECK(group.owned("a", "u") == Partitions{0, 1});
  }
}

TEST_CASE("a topic that is made anew between two heartbeats is another topic", "[group]") {
  ConsumerGroupHarness group;
  group.create("t", 2);
  group.join("a", {"t"});
  const auto old = group.id_of("t");
  group.remove("t");
  group.create("t", 2);
  group.settle();
  CHECK(group.client("a").owned.of(old).empty());
  CHECK(group.owned("a", "t") == Partitions{0, 1});
}

TEST_CASE("a topic that does not exist yet is assigned when it does", "[group]") {
  ConsumerGroupHarness group;
  const auto joined = group.join("a", {"t"});
  CHECK(joined.member_epoch == 1);
  REQUIRE(joined.assignment);
  CHECK(joined.assignment->topic_partitions.empty());
  group.create("t", 1);
  group.beat("a");
  CHECK(group.owned("a", "t") == Partitions{0});
}

TEST_CASE("a member that changes its subscription gets other partitions", "[group]") {
  ConsumerGroupHarness group;
  group.create("t", 2);
  group.create("u", 2);
  group.join("a", {"t"});

  group.beat("a", [](Request& request) { request.subscribed_topic_names = std::vector<std::string>{"u"}; });
  CHECK(group.group->group_epoch() == 2);
  CHECK(group.owned("a", "t").empty());
  CHECK(group.pending("a", "t") == Partitions{0, 1});
  group.beat("a");
  CHECK(group.owned("a", "u") == Partitions{0, 1});
  CHECK_FALSE(group.group->is_subscribed_to("t"));

  SECTION("the order of the names, and names told twice, are no change") {
    group.beat("a", [](Request& request) { request.subscribed_topic_names = std::vector<std::string>{"u", "u"}; });
    CHECK(group.written() == 0);
  }
}

TEST_CASE("a member that still revokes and unsubscribes a topic meanwhile gives that up at once, too", "[group]") {
  ConsumerGroupHarness group;
  group.create("t", 2);
  group.create("u", 1);
  group.join("a", {"t", "u"});
  group.join("b", {"t"});
  group.beat_in_vain("a");
  REQUIRE(group.member("a").state == MemberState::unrevoked_partitions);
  REQUIRE(group.pending("a", "u").empty());
  group.beat_in_vain("a", [](Request& request) { request.subscribed_topic_names = std::vector<std::string>{"t"}; });
  CHECK(group.assigned("a", "u").empty());
  CHECK(group.pending("a", "u") == Partitions{0});
}

TEST_CASE("members that subscribe other topics get those", "[group]") {
  ConsumerGroupHarness group;
  group.create("t", 2);
  group.create("u", 2);
  group.join("a", {"t"});
  group.join("b", {"u"});
  group.settle();
  CHECK(group.owned("a", "t") == Partitions{0, 1});
  CHECK(group.owned("b", "u") == Partitions{0, 1});
}

TEST_CASE("a member without topics is a member", "[group]") {
  ConsumerGroupHarness group;
  const auto joined = group.join("a", {});
  CHECK(joined.error_code == ErrorCode::none);
  CHECK(joined.member_epoch == 1);
  CHECK(group.group->state() == ConsumerGroupState::stable);
}

TEST_CASE("only members whose target has changed get a record of it", "[group]") {
  ConsumerGroupHarness group;
  group.create("t", 2);
  group.create("u", 2);
  group.join("a", {"t"});
  group.join("b", {"u"});
  CHECK(group.count_written<TargetAssignmentRecord>() == 1);
  CHECK(group.count_written<CurrentAssignmentRecord>() == 1);
}

TEST_CASE("the assignor that most members ask for is taken", "[group]") {
  ConsumerGroupHarness group;
  group.create("t", 2);
  const auto asks_for_range = [](Request& request) { request.server_assignor = "range"; };
  group.join("a", {"t"});
  CHECK(group.group->assignor_name() == "uniform");
  group.join("b", {"t"}, asks_for_range);
  CHECK(group.group->assignor_name() == "range");
  CHECK(group.group->describe(group.image).assignor_name == "range");
}

TEST_CASE("a coordinator that starts anew goes on where the log ends", "[group]") {
  ConsumerGroupHarness group;
  group.create("t", 4);
  group.join("a", {"t"});
  group.join("b", {"t"});
  group.beat("a");
  group.restart();

  SECTION("in the midst of a rebalance") {
    REQUIRE(group.member("a").rebalance_deadline);
    group.settle();
    CHECK(group.group->group_epoch() == 2);
    CHECK(group.owned("a", "t").size() == 2);
    CHECK(group.owned("b", "t").size() == 2);
  }
  SECTION("and gives everybody a new session") {
    CHECK(group.group->next_deadline() == group.now.steady + seconds{45});
    CHECK(group.pass(seconds{45}));
    CHECK(group.group->members().empty());
  }
}

TEST_CASE("the tombstones of a group leave nothing of it", "[group]") {
  ConsumerGroupHarness group;
  group.create("t", 4);
  group.join("a", {"t"});
  group.join("b", {}, [](Request& request) { request.subscribed_topic_regex = "t.*"; });
  for (const auto& record : group.group->tombstones()) group.log.push_back(record);
  group.restart();
  CHECK_FALSE(group.group->is_stored());
  CHECK(group.group->members().empty());
  CHECK(group.group->owners().size() == 0);
  CHECK_FALSE(group.group->is_subscribed_to("t"));
  CHECK(group.group->tombstones().size() == 2);
}

}  // namespace
}  // namespace sluice::test

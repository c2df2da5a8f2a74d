#include <catch2/catch.hpp>

#include "tests/unit/broker/group/consumer/consumer_group_harness.hpp"

namespace sluice::test {
namespace {

using broker::group::MemberState;
using protocol::ErrorCode;
using std::chrono::seconds;
using Partitions = std::vector<int>;
using Request = ConsumerGroupHarness::Request;

TEST_CASE("a static member that comes back under a new id finds its partitions", "[group]") {
  ConsumerGroupHarness group;
  group.create("t", 4);
  group.join_static("a1", "one", {"t"});
  group.join_static("b", "two", {"t"});
  group.settle();
  const auto had = group.owned("a1", "t");
  const auto group_epoch = group.group->group_epoch();

  const auto left = group.leave("a1", -2);
  CHECK(left.error_code == ErrorCode::none);
  CHECK(left.member_epoch == -2);
  CHECK(group.member("a1").member_epoch == -2);
  group.beat("b");
  CHECK(group.written() == 0);  // nobody gets its partitions meanwhile

  SECTION("without a rebalance") {
    const auto back = group.join_static("a2", "one", {"t"});
    CHECK(back.member_epoch == group_epoch);
    CHECK(group.owned("a2", "t") == had);
    CHECK(group.group->group_epoch() == group_epoch);
    CHECK(group.group->members().count("a1") == 0);
    group.settle();
    CHECK(group.written() == 0);
  }
  SECTION("under its old id, too") {
    const auto back = group.join_static("a1", "one", {"t"});
    CHECK(back.member_epoch == group_epoch);
    CHECK(group.owned("a1", "t") == had);
    CHECK(group.group->group_epoch() == group_epoch);
  }
  SECTION("in a new epoch when it subscribes something else now") {
    group.create("u", 1);
    group.join_static("a2", "one", {"t", "u"});
    CHECK(group.group->group_epoch() == group_epoch + 1);
    group.settle();
    CHECK(group.owned("a2", "u") == Partitions{0});
  }
  SECTION("unless its session ends before: then others get them") {
    CHECK_FALSE(group.pass(seconds{40}));
    group.beat("b");
    CHECK(group.pass(seconds{5}));
    group.beat("b");
    CHECK(group.owned("b", "t") == Partitions{0, 1, 2, 3});
  }
  SECTION("also when the coordinator starts anew meanwhile") {
    group.restart();
    group.join_static("a2", "one", {"t"});
    CHECK(group.owned("a2", "t") == had);
    CHECK(group.group->group_epoch() == group_epoch);
  }
}

TEST_CASE("an instance id that is in use is not given to another member", "[group]") {
  ConsumerGroupHarness group;
  group.create("t", 1);
  group.join_static("a", "one", {"t"});
  const auto refused = group.join_static("b", "one", {"t"});
  CHECK(refused.error_code == ErrorCode::unreleased_instance_id);
  CHECK(group.written() == 0);
  CHECK(group.group->members().size() == 1);
}

TEST_CASE("a member that takes the place of a static one gives up what it had itself, to all", "[group]") {
  ConsumerGroupHarness group;
  group.create("t", 6);
  group.join_static("a", "one", {"t"});
  group.join("b", {"t"});
  group.join("c", {"t"});
  group.settle();
  const auto group_epoch = group.group->group_epoch();
  group.leave("a", -2);
  group.join_static("b", "one", {"t"});
  CHECK(group.group->members().size() == 2);
  CHECK(group.group->group_epoch() == group_epoch + 1);
  group.beat("b");
  group.beat("c");
  group.beat("b");
  group.beat("c");
  CHECK(group.owned("b", "t").size() == 3);
  CHECK(group.owned("c", "t").size() == 3);
}

TEST_CASE("a new coordinator waits for members as long as their group's own session timeout", "[group]") {
  ConsumerGroupHarness group;
  group.create("t", 1);
  group.image.set_group_config("g", "consumer.session.timeout.ms", "50000");
  group.join("a", {"t"});
  group.restart();
  group.pass(seconds{49});
  CHECK(group.group->members().size() == 1);
  group.pass(seconds{1});
  CHECK(group.group->members().empty());
}

TEST_CASE("a static member may repeat its join", "[group]") {
  ConsumerGroupHarness group;
  group.create("t", 1);
  group.join_static("a", "one", {"t"});
  CHECK(group.join_static("a", "one", {"t"}).error_code == ErrorCode::none);
  CHECK(group.owned("a", "t") == Partitions{0});
}

TEST_CASE("a member whose place was taken is told so", "[group]") {
  ConsumerGroupHarness group;
  group.create("t", 1);
  group.join_static("a1", "one", {"t"});
  const auto old = group.client("a1");
  group.leave("a1", -2);
  group.join_static("a2", "one", {"t"});

  Request request;
  request.group_id = "g";
  request.member_id = "a1";
  request.instance_id = "one";
  request.member_epoch = old.epoch;
  CHECK(group.send(request).error_code == ErrorCode::fenced_instance_id);
  request.member_epoch = -1;
  CHECK(group.send(request).error_code == ErrorCode::fenced_instance_id);
  request.member_epoch = -2;
  CHECK(group.send(request).error_code == ErrorCode::fenced_instance_id);
  request.instance_id = "unheard of";
  CHECK(group.send(request).error_code == ErrorCode::unknown_member_id);
}

TEST_CASE("a static member that leaves for good is gone", "[group]") {
  ConsumerGroupHarness group;
  group.create("t", 2);
  group.join_static("a", "one", {"t"});
  group.join_static("b", "two", {"t"});
  group.settle();
  CHECK(group.leave("a", -1).member_epoch == -1);
  CHECK(group.group->members().size() == 1);
  CHECK(group.join_static("c", "one", {"t"}).error_code == ErrorCode::none);
}

TEST_CASE("what a static member was giving up when it went away is free", "[group]") {
  ConsumerGroupHarness group;
  group.create("t", 2);
  group.join_static("a", "one", {"t"});
  group.join("b", {"t"});
  group.beat_in_vain("a");
  REQUIRE(group.member("a").state == MemberState::unrevoked_partitions);
  group.leave("a", -2);
  CHECK_FALSE(group.member("a").rebalance_deadline);
  group.beat("b");
  CHECK(group.owned("b", "t").size() == 1);
  group.join_static("a2", "one", {"t"});
  CHECK(group.owned("a2", "t").size() == 1);
  CHECK(group.member("a2").state == MemberState::stable);
}

TEST_CASE("the epochs in which partitions were assigned outlive a change of the member id", "[group]") {
  ConsumerGroupHarness group;
  group.create("t", 1);
  group.join_static("a1", "one", {"t"});
  group.create("u", 1);
  group.join("b", {"u"});
  group.settle();
  REQUIRE(group.group->owners().find(group.id_of("t"), PartitionId{0})->assignment_epoch == 1);
  group.leave("a1", -2);
  group.join_static("a2", "one", {"t"});
  CHECK(group.group->owners().find(group.id_of("t"), PartitionId{0})->assignment_epoch == 1);
}

}  // namespace
}  // namespace sluice::test

#include "broker/group/classic/classic_group.hpp"

#include "tests/unit/broker/group/group_harness.hpp"

namespace sluice::test {
namespace {

std::string text(const std::vector<std::byte>& bytes) { return std::string{as_text(bytes)}; }

/// The id that a new dynamic member is given before it may join.
std::string id_for_newcomer(GroupHarness& groups, const std::string& group) {
  const auto refused = groups.joined(groups.join(join_request(group)));
  REQUIRE(refused);
  REQUIRE(refused->error_code == ErrorCode::member_id_required);
  return refused->member_id;
}

struct Stable {
  std::string leader;
  std::string follower;
  std::int32_t generation;
};

/// Two dynamic members with assignments "L" and "F".
Stable two_members(GroupHarness& groups) {
  const auto a = id_for_newcomer(groups, "g");
  const auto b = id_for_newcomer(groups, "g");
  const auto join_a = groups.join(join_request("g", a));
  const auto join_b = groups.join(join_request("g", b));
  groups.pass(seconds{10});
  const auto joined_a = groups.joined(join_a);
  const auto joined_b = groups.joined(join_b);
  REQUIRE(joined_a);
  REQUIRE(joined_b);
  const auto& leader = joined_a->leader == a ? *joined_a : *joined_b;
  const auto& follower = joined_a->leader == a ? *joined_b : *joined_a;
  groups.sync(sync_request("g", follower));
  groups.sync(sync_request("g", leader, {{leader.member_id, "L"}, {follower.member_id, "F"}}));
  REQUIRE(groups.state("g") == "Stable");
  return {leader.member_id, follower.member_id, leader.generation_id};
}

protocol::JoinGroupRequest static_join(const std::string& instance, const std::string& member = "") {
  auto request = join_request("g", member);
  request.group_instance_id = instance;
  return request;
}

}  // namespace

TEST_CASE("a new dynamic member is sent away once, with the id to come back with", "[group]") {
  GroupHarness groups;
  const auto id = id_for_newcomer(groups, "g");
  CHECK(id.substr(0, 7) == "client-");
  SECTION("before version 4 it is let in at once") {
    const auto ticket = groups.join(join_request("h"), 3);
    CHECK_FALSE(groups.joined(ticket));
    groups.pass(seconds{3});
    CHECK(groups.joined(ticket)->generation_id == 1);
  }
  SECTION("an id that nobody gave out is unknown") {
    const auto ticket = groups.join(join_request("g", "made-up"));
    CHECK(groups.joined(ticket)->error_code == ErrorCode::unknown_member_id);
  }
  SECTION("it is forgotten after the session timeout, and the group with it") {
    groups.pass(seconds{10});
    CHECK(groups.shard.group_count() == 0);
    CHECK(groups.joined(groups.join(join_request("g", id)))->error_code == ErrorCode::unknown_member_id);
  }
}

TEST_CASE("an empty group waits for more members, longer while they arrive", "[group]") {
  GroupHarness groups;
  const auto a = id_for_newcomer(groups, "g");
  const auto first = groups.join(join_request("g", a));
  SECTION("three seconds when there is one") {
    groups.pass(milliseconds{2999});
    CHECK_FALSE(groups.joined(first));
    groups.pass(milliseconds{1});
    CHECK(groups.joined(first)->leader == a);
  }
  SECTION("three more for another") {
    groups.pass(seconds{2});
    const auto second = groups.join(join_request("g"), 3);
    groups.pass(milliseconds{3999});
    CHECK_FALSE(groups.joined(first));
    groups.pass(milliseconds{1});
    CHECK(groups.joined(first)->generation_id == 1);
    CHECK(groups.joined(second)->generation_id == 1);
  }
  SECTION("but no longer than the rebalance timeout") {
    for (int i = 0; i < 40; ++i) {
      groups.pass(seconds{2});
      groups.join(join_request("g"), 3);
    }
    CHECK(groups.joined(first));
  }
}

TEST_CASE("only the leader learns who the members are", "[group]") {
  GroupHarness groups;
  const auto a = groups.join(join_request("g"), 3);
  const auto b = groups.join(join_request("g"), 3);
  groups.pass(seconds{6});
  CHECK(groups.joined(a)->members.size() == 2);
  CHECK(groups.joined(b)->members.empty());
  CHECK(groups.joined(b)->leader == groups.joined(a)->member_id);
}

TEST_CASE("the protocol is the one that most members prefer among those all know", "[group]") {
  GroupHarness groups;
  const auto a = groups.join(join_request("g", "", {"x", "range", "sticky"}), 3);
  groups.join(join_request("g", "", {"sticky", "range"}), 3);
  groups.join(join_request("g", "", {"sticky", "range", "y"}), 3);
  const auto stranger = groups.join(join_request("g", "", {"z"}), 3);
  CHECK(groups.joined(stranger)->error_code == ErrorCode::inconsistent_group_protocol);
  groups.pass(seconds{6});
  CHECK(groups.joined(a)->protocol_name == "sticky");
}

TEST_CASE("followers get their assignments when the leader's are stored", "[group]") {
  GroupHarness groups;
  const auto a = groups.join(join_request("g"), 3);
  const auto b = groups.join(join_request("g"), 3);
  groups.pass(seconds{6});
  const auto leader = *groups.joined(a);
  const auto follower = *groups.joined(b);
  const auto waiting = groups.sync(sync_request("g", follower));
  CHECK_FALSE(groups.synced(waiting));
  groups.commits_at_once = false;
  const auto leading =
      groups.sync(sync_request("g", leader, {{leader.member_id, "mine"}, {follower.member_id, "yours"}}));
  CHECK_FALSE(groups.synced(leading));
  CHECK(groups.state("g") == "CompletingRebalance");
  groups.commit_appends();
  CHECK(text(groups.synced(leading)->assignment) == "mine");
  CHECK(text(groups.synced(waiting)->assignment) == "yours");
  CHECK(groups.state("g") == "Stable");
  CHECK(text(groups.synced(groups.sync(sync_request("g", follower)))->assignment) == "yours");
}

TEST_CASE("members hear of a rebalance from their heartbeats", "[group]") {
  GroupHarness groups;
  const auto [leader, follower, generation] = two_members(groups);
  CHECK(groups.heartbeat("g", leader, generation) == ErrorCode::none);
  CHECK(groups.heartbeat("g", leader, generation - 1) == ErrorCode::illegal_generation);
  CHECK(groups.heartbeat("g", "nobody", generation) == ErrorCode::unknown_member_id);
  const auto newcomer = id_for_newcomer(groups, "g");
  const auto join = groups.join(join_request("g", newcomer));
  CHECK(groups.heartbeat("g", leader, generation) == ErrorCode::rebalance_in_progress);
  SECTION("and the next generation begins when all have joined") {
    groups.join(join_request("g", leader));
    CHECK_FALSE(groups.joined(join));
    groups.join(join_request("g", follower));
    CHECK(groups.joined(join)->generation_id == generation + 1);
    CHECK(groups.heartbeat("g", leader, generation) == ErrorCode::illegal_generation);
  }
  SECTION("and those who do not join in time are out") {
    groups.join(join_request("g", follower));
    for (int i = 0; i < 12; ++i) {
      groups.pass(seconds{5});
      groups.heartbeat("g", leader, generation);
    }
    CHECK(groups.joined(join)->generation_id == generation + 1);
    CHECK(groups.heartbeat("g", leader, generation) == ErrorCode::unknown_member_id);
  }
}

TEST_CASE("a follower that rejoins unchanged is told how things stand, a leader begins a rebalance", "[group]") {
  GroupHarness groups;
  const auto [leader, follower, generation] = two_members(groups);
  CHECK(groups.joined(groups.join(join_request("g", follower)))->generation_id == generation);
  CHECK(groups.state("g") == "Stable");
  CHECK_FALSE(groups.joined(groups.join(join_request("g", leader))));
  CHECK(groups.state("g") == "PreparingRebalance");
}

TEST_CASE("a silent member is out after its session timeout", "[group]") {
  GroupHarness groups;
  const auto [leader, follower, generation] = two_members(groups);
  groups.pass(seconds{9});
  CHECK(groups.heartbeat("g", leader, generation) == ErrorCode::none);
  groups.pass(seconds{2});
  CHECK(groups.heartbeat("g", follower, generation) == ErrorCode::unknown_member_id);
  CHECK(groups.heartbeat("g", leader, generation) == ErrorCode::rebalance_in_progress);
  groups.pass(seconds{11});
  CHECK(groups.state("g") == "Empty");
}

TEST_CASE("a member that joins and never syncs is out after the rebalance timeout", "[group]") {
  GroupHarness groups;
  const auto a = groups.join(join_request("g"), 3);
  const auto b = groups.join(join_request("g"), 3);
  groups.pass(seconds{6});
  const auto leader = *groups.joined(a);
  const auto follower = *groups.joined(b);
  groups.sync(sync_request("g", leader, {{leader.member_id, "all"}}));
  for (int i = 0; i < 12; ++i) {
    groups.pass(seconds{5});
    groups.heartbeat("g", leader.member_id, 1);
    groups.heartbeat("g", follower.member_id, 1);
  }
  CHECK(groups.heartbeat("g", follower.member_id, 1) == ErrorCode::unknown_member_id);
  CHECK(groups.heartbeat("g", leader.member_id, 1) == ErrorCode::rebalance_in_progress);
}

TEST_CASE("leaving makes the rest rebalance, and the last one empties the group", "[group]") {
  GroupHarness groups;
  const auto [leader, follower, generation] = two_members(groups);
  CHECK(groups.leave("g", "nobody") == ErrorCode::unknown_member_id);
  CHECK(groups.leave("g", leader) == ErrorCode::none);
  CHECK(groups.state("g") == "PreparingRebalance");
  const auto join = groups.join(join_request("g", follower));
  CHECK(groups.joined(join)->leader == follower);
  CHECK(groups.leave("g", follower) == ErrorCode::none);
  CHECK(groups.state("g") == "Empty");
  CHECK(groups.leave("h", "anyone") == ErrorCode::unknown_member_id);
}

TEST_CASE("session timeouts outside the broker's bounds and members too many are refused", "[group]") {
  GroupHarness groups{{.size_max = 1}};
  auto hasty = join_request("g");
  hasty.session_timeout_ms = 5999;
  CHECK(groups.joined(groups.join(hasty))->error_code == ErrorCode::invalid_session_timeout);
  const auto first = groups.join(join_request("g"), 3);
  const auto second = groups.join(join_request("g"), 3);
  CHECK(groups.joined(second)->error_code == ErrorCode::group_max_size_reached);
  groups.pass(seconds{3});
  CHECK(groups.joined(first)->error_code == ErrorCode::none);
}

TEST_CASE("a static member that comes back takes its place without a rebalance", "[group]") {
  GroupHarness groups;
  const auto first = groups.join(static_join("one"));
  groups.pass(seconds{3});
  const auto old = *groups.joined(first);
  groups.sync(sync_request("g", old, {{old.member_id, "all"}}));
  SECTION("as the leader that it was, told not to assign (KIP-814)") {
    const auto back = *groups.joined(groups.join(static_join("one")));
    CHECK(back.error_code == ErrorCode::none);
    CHECK(back.member_id != old.member_id);
    CHECK(back.generation_id == old.generation_id);
    CHECK(back.skip_assignment);
    CHECK(back.leader == back.member_id);
    CHECK(text(groups.synced(groups.sync(sync_request("g", back)))->assignment) == "all");
    auto stale = static_join("one", old.member_id);
    CHECK(groups.joined(groups.join(stale))->error_code == ErrorCode::fenced_instance_id);
  }
  SECTION("before version 9 it must not believe that it leads") {
    const auto back = *groups.joined(groups.join(static_join("one"), 8));
    CHECK_FALSE(back.skip_assignment);
    CHECK(back.leader == old.member_id);
    CHECK(back.members.empty());
  }
  SECTION("but not when that can't be stored") {
    groups.commits_at_once = false;
    const auto back = groups.join(static_join("one"));
    CHECK_FALSE(groups.joined(back));
    groups.fail_appends(ErrorCode::coordinator_not_available);
    CHECK(groups.joined(back)->error_code == ErrorCode::coordinator_not_available);
    CHECK(groups.heartbeat("g", old.member_id, old.generation_id) == ErrorCode::none);
    CHECK(groups.shard.find_classic("g")->members().size() == 1);
    CHECK(groups.shard.find_classic("g")->leader() == old.member_id);
    groups.commits_at_once = true;
    CHECK(groups.joined(groups.join(static_join("one")))->error_code == ErrorCode::none);
  }
  SECTION("its new id survives a restart") {
    const auto back = *groups.joined(groups.join(static_join("one")));
    auto loaded = groups.reloaded();
    loaded.finish_loading(groups.now);
    CHECK(loaded.find_classic("g")->members().contains(back.member_id));
    CHECK(loaded.find_classic("g")->state() == ClassicState::stable);
  }
  SECTION("another protocol is a rebalance") {
    auto changed = join_request("g", "", {"sticky", "range"});
    changed.group_instance_id = "one";
    groups.join(changed);
    CHECK(groups.state("g") == "CompletingRebalance");
  }
  SECTION("an administrator removes it by its instance id") {
    CHECK(groups.leave("g", "", "two") == ErrorCode::unknown_member_id);
    CHECK(groups.leave("g", "", "one") == ErrorCode::none);
    CHECK(groups.state("g") == "Empty");
  }
}

TEST_CASE("static members that are all away are waited for without haste, whatever their timeout", "[group]") {
  GroupHarness groups;
  auto hasty = static_join("i");
  hasty.rebalance_timeout_ms = 0;
  const auto first = groups.join(hasty);
  const auto second = groups.join(join_request("g"), 3);
  groups.pass(seconds{10});
  groups.sync(sync_request("g", *groups.joined(second)));
  groups.sync(sync_request("g", *groups.joined(first)));
  REQUIRE(groups.state("g") == "Stable");
  groups.leave("g", groups.joined(second)->member_id);
  REQUIRE(groups.shard.next_deadline() == groups.now.steady);
  groups.shard.tick(groups.now);
  CHECK(groups.state("g") == "PreparingRebalance");
  CHECK(groups.shard.next_deadline() == groups.now.steady + seconds{1});
}

TEST_CASE("what members tell and leaders assign is bounded", "[group]") {
  GroupHarness groups;
  SECTION("the protocols of one member") {
    std::vector<std::string> names;
    for (int i = 0; i < 100; ++i) names.push_back("p" + std::to_string(i));
    CHECK_FALSE(groups.joined(groups.join(join_request("g", "", names), 3)));
    names.push_back("one more");
    const auto refused = groups.joined(groups.join(join_request("g", "", names), 3));
    REQUIRE(refused);
    CHECK(refused->error_code == ErrorCode::inconsistent_group_protocol);
  }
  SECTION("what they say") {
    auto request = join_request("g");
    request.protocols[0].metadata.resize((1 << 20) + 1);
    const auto refused = groups.joined(groups.join(request, 3));
    REQUIRE(refused);
    CHECK(refused->error_code == ErrorCode::unknown_server_error);
  }
  SECTION("the assignments of all") {
    const auto members = two_members(groups);
    groups.join(join_request("g"), 3);
    const auto leader = groups.join(join_request("g", members.leader));
    const auto follower = groups.join(join_request("g", members.follower));
    const auto waiting = groups.sync(sync_request("g", *groups.joined(follower)));
    const auto uncommitted = groups.log.size();
    const std::string large(17 << 20, 'x');
    const auto refused = groups.sync(sync_request("g", *groups.joined(leader), {{members.follower, large}}));
    CHECK(groups.synced(refused)->error_code == ErrorCode::unknown_server_error);
    CHECK(groups.synced(waiting)->error_code == ErrorCode::unknown_server_error);
    CHECK(groups.log.size() == uncommitted);
    CHECK(groups.state("g") == "PreparingRebalance");
  }
}

TEST_CASE("a member that is to join again hears so, whatever protocol it names in its SyncGroup", "[group]") {
  GroupHarness groups;
  const auto members = two_members(groups);
  protocol::SyncGroupRequest request;
  request.group_id = "g";
  request.member_id = members.follower;
  request.generation_id = members.generation;
  request.protocol_name = "sticky";
  CHECK(groups.synced(groups.sync(request))->error_code == ErrorCode::inconsistent_group_protocol);
  groups.join(join_request("g"), 3);
  CHECK(groups.synced(groups.sync(request))->error_code == ErrorCode::rebalance_in_progress);
}

TEST_CASE("a group that is emptied before anything is stored is there until its record is", "[group]") {
  GroupHarness groups;
  groups.commits_at_once = false;
  const auto member = id_for_newcomer(groups, "g");
  groups.join(join_request("g", member));
  groups.pass(seconds{3});
  REQUIRE(groups.state("g") == "CompletingRebalance");
  SECTION("by a member that leaves") { CHECK(groups.leave("g", member) == ErrorCode::none); }
  SECTION("by one that falls silent") { groups.pass(seconds{70}); }
  groups.pass(seconds{10});
  REQUIRE(groups.uncommitted() == 1);
  REQUIRE(groups.shard.find_classic("g") != nullptr);
  groups.commit_appends();
  REQUIRE(groups.shard.find_classic("g") != nullptr);
  CHECK(groups.shard.find_classic("g")->stored());
  CHECK(groups.state("g") == "Empty");
}

TEST_CASE("a failed write of the assignments is told to all and begins a rebalance", "[group]") {
  GroupHarness groups;
  const auto ticket = groups.join(join_request("g"), 3);
  groups.pass(seconds{3});
  groups.commits_at_once = false;
  const auto leader = *groups.joined(ticket);
  auto effects = groups.shard.sync(sync_request("g", leader), broker::group::Ticket{1000}, groups.now);
  REQUIRE(effects.writes.size() == 1);
  const auto after = groups.shard.on_stored(effects.writes.front(), ErrorCode::not_coordinator, groups.now);
  CHECK(after.syncs.front().response.error_code == ErrorCode::not_coordinator);
  CHECK(groups.state("g") == "PreparingRebalance");
  CHECK_FALSE(groups.shard.find_classic("g")->stored());
}

}  // namespace sluice::test

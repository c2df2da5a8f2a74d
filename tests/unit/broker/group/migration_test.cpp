#include "broker/group/consumer/migration.hpp"

#include <catch2/catch.hpp>
#include <random>

#include "broker/group/consumer/consumer_protocol_blob.hpp"
#include "tests/unit/broker/group/mixed_group.hpp"

namespace sluice::test {
namespace {

using namespace std::string_literals;
using broker::config::GroupSettings;
using broker::config::MigrationPolicy;
using broker::group::ClassicState;
using broker::group::ConsumerGroupState;
using protocol::ErrorCode;
using std::chrono::seconds;
using Protocol = MixedGroup::Protocol;

GroupSettings with_policy(MigrationPolicy policy) {
  GroupSettings settings;
  settings.consumer_migration_policy = policy;
  return settings;
}

/// Two classic members that share the six partitions of "t".
void start_classic(MixedGroup& group, Protocol protocol) {
  group.add("a", protocol);
  group.add("b", protocol);
  group.settle();
  REQUIRE(group.is_classic());
  REQUIRE(group.owned_by("a") == 3);
}

ErrorCode try_to_join(MixedGroup& group) {
  auto& client = group.add("new", Protocol::consumer);
  group.act(client);
  return client.last_error;
}

}  // namespace

TEST_CASE("a classic group turns into a consumer group when a consumer of the new protocol joins",
          "[group][migration]") {
  const auto protocol = GENERATE(Protocol::eager, Protocol::cooperative);
  MixedGroup group;
  start_classic(group, protocol);
  const auto generation = group.classic().generation_id();
  group.add("c", Protocol::consumer);
  group.act(group["c"]);
  REQUIRE(group.is_consumer());
  CHECK(group.consumer().group_epoch() == generation + 1);
  CHECK(group.consumer().members().at(group["a"].id).member_epoch == generation);
  CHECK(group.owned_by("c") == 0);  // the others still have everything

  SECTION("the classic members give up its share when they hear of it") {
    group.settle();
    CHECK(group.consumer().state() == ConsumerGroupState::stable);
    for (const auto* name : {"a", "b", "c"}) CHECK(group.owned_by(name) == 2);
    CHECK(group["a"].epoch == group.consumer().group_epoch());
    CHECK(group["a"].joined->leader.empty());
    CHECK(group["a"].joined->members.empty());
  }
  SECTION("and turns back when that leaves") {
    group.settle();
    const auto epoch = group.consumer().group_epoch();
    group.leave("c");
    REQUIRE(group.is_classic());
    CHECK(group.classic().generation_id() == epoch);
    CHECK(group.classic().state() == ClassicState::preparing_rebalance);
    group.round();
    CHECK(group["a"].last_error == ErrorCode::rebalance_in_progress);
    group.settle();
    CHECK(group.owned_by("a") == 3);
    CHECK(group.owned_by("b") == 3);
    CHECK(group.classic().generation_id() == epoch + 1);
  }
  SECTION("or is fenced") {
    group.settle();
    group.kill("c");
    for (int i = 0; i < 30; ++i) {
      group.round();
      group.pass(seconds{2});
    }
    CHECK(group.is_classic());
    group.settle();
    CHECK(group.owned_in_all() == 6);
  }
  SECTION("all members may be replaced one by one") {
    group.settle();
    group.leave("a");
    group.add("d", Protocol::consumer);
    group.settle();
    group.leave("b");
    group.settle();
    CHECK(group.is_consumer());
    CHECK(group.owned_by("c") == 3);
    CHECK(group.owned_by("d") == 3);
    for (const auto& [id, member] : group.consumer().members()) CHECK_FALSE(member.classic);
  }
  SECTION("the coordinator may start anew at any time") {
    group.restart();
    CHECK(group.is_consumer());
    group.settle();
    for (const auto* name : {"a", "b", "c"}) CHECK(group.owned_by(name) == 2);
    group.leave("c");
    group.restart();
    CHECK(group.is_classic());
    group.settle();
    CHECK(group.owned_in_all() == 6);
  }
}

TEST_CASE("a consumer group takes classic members in", "[group][migration]") {
  const auto protocol = GENERATE(Protocol::eager, Protocol::cooperative);
  MixedGroup group;
  group.add("a", Protocol::consumer);
  group.add("b", Protocol::consumer);
  group.settle();
  group.add("c", protocol);
  group.settle();
  CHECK(group.is_consumer());
  for (const auto* name : {"a", "b", "c"}) CHECK(group.owned_by(name) == 2);
  SECTION("and turns into a classic group when only those are left") {
    group.leave("a");
    group.settle();
    CHECK(group.is_consumer());
    CHECK(group.owned_by("c") == 3);
    group.leave("b");
    CHECK(group.is_classic());
    group.settle();
    CHECK(group.owned_by("c") == 6);
    group.leave("c");
    CHECK(group.is_classic());
    CHECK(group.classic().state() == ClassicState::empty);
  }
  SECTION("who may leave again") {
    group.leave("c");
    group.settle();
    CHECK(group.is_consumer());
    CHECK(group.owned_by("a") == 3);
  }
}

TEST_CASE("members in the middle of a rebalance are sent back to join the new group", "[group][migration]") {
  MixedGroup group;
  start_classic(group, Protocol::cooperative);
  group.add("d", Protocol::cooperative);
  SECTION("while they wait for others to join") {
    group.round();
    group.round();
    REQUIRE(group.classic().state() == ClassicState::preparing_rebalance);
  }
  SECTION("while they wait for the leader") {
    for (int i = 0; i < 20 && group.classic().state() != ClassicState::completing_rebalance; ++i) group.round();
    const auto leader = group.classic().leader();
    for (const auto* name : {"a", "b", "d"}) {
      if (group[name].id != leader) group.act(group[name]);
    }
    REQUIRE(group.classic().state() == ClassicState::completing_rebalance);
  }
  group.add("c", Protocol::consumer);
  group.act(group["c"]);
  REQUIRE(group.is_consumer());
  CHECK(group.owned_by("c") == 0);
  group.settle();
  CHECK(group.owned_in_all() == 6);
  for (const auto* name : {"a", "b", "c", "d"}) CHECK(group.owned_by(name) >= 1);
}

TEST_CASE("what a member is to give up stays its own until it has heard of it, whatever the group turns into",
          "[group][migration]") {
  MixedGroup group;
  group.add("a", Protocol::cooperative);
  group.settle();
  REQUIRE(group.owned_by("a") == 6);
  group.add("b", Protocol::cooperative);
  const auto is_syncing = [&] { return group["a"].syncing && group["b"].syncing; };
  for (int i = 0; i < 40 && !is_syncing(); ++i) {
    for (const auto* name : {"a", "b"}) {
      if (!group[name].syncing) group.act(group[name]);
    }
  }
  REQUIRE(is_syncing());
  REQUIRE(group.classic().state() == ClassicState::stable);  // and the answers are on their way
  REQUIRE(group.owned_by("a") == 6);
  group.add("c", Protocol::consumer);
  group.act(group["c"]);
  REQUIRE(group.is_consumer());
  CHECK(group.owned_by("c") == 0);
  CHECK(group.consumer().members().at(group["a"].id).assigned.size() == 6);
  group.settle();
  for (const auto* name : {"a", "b", "c"}) CHECK(group.owned_by(name) == 2);
}

TEST_CASE("a member that syncs while its group turns classic is sent back to join, whatever protocol it names",
          "[group][migration]") {
  MixedGroup group;
  group.add("c", Protocol::consumer).instance = "i";
  group.settle();
  auto& a = group.add("a", Protocol::eager);
  a.assignors = {"sticky", "range"};
  group.add("b", Protocol::eager);
  group.settle();
  REQUIRE(group.is_consumer());
  protocol::SyncGroupRequest sync;
  sync.group_id = "g";
  sync.member_id = a.id;
  sync.generation_id = a.epoch;
  sync.protocol_type = "consumer";
  sync.protocol_name = "sticky";  // its own choice, as long as the broker assigns
  REQUIRE(group.joins.at(group.send(group.join_request(a))).protocol_name == "sticky");
  SECTION("when the last of the others leaves") { group.leave("c"); }
  SECTION("when the last of the others comes back as a classic member, and nothing else changes") {
    group.kill("c");
    auto& d = group.add("d", Protocol::eager);
    d.instance = "i";
    group.act(d);
  }
  REQUIRE(group.is_classic());
  CHECK(group.classic().protocol() == "range");
  CHECK(group.classic().state() == ClassicState::preparing_rebalance);
  CHECK(group.syncs.at(group.send(sync)).error_code == ErrorCode::rebalance_in_progress);
  group.settle();
  CHECK(group.owned_in_all() == 6);
}

TEST_CASE("the first rebalance of a classic group may be cut short by a consumer of the new protocol",
          "[group][migration]") {
  MixedGroup group;
  group.add("a", Protocol::eager);
  group.round();
  group.round();
  REQUIRE(group.classic().state() == ClassicState::preparing_rebalance);
  group.add("c", Protocol::consumer);
  group.settle();
  CHECK(group.is_consumer());
  CHECK(group.owned_by("a") == 3);
  CHECK(group.owned_by("c") == 3);
}

TEST_CASE("some classic groups can't become consumer groups", "[group][migration]") {
  SECTION("when the policy forbids it") {
    MixedGroup group{with_policy(GENERATE(MigrationPolicy::disabled, MigrationPolicy::downgrade))};
    start_classic(group, Protocol::eager);
    CHECK(try_to_join(group) == ErrorCode::group_id_not_found);
    CHECK(group.is_classic());
  }
  SECTION("when they are too big") {
    GroupSettings settings;
    settings.consumer_size_max = 1;
    MixedGroup group{settings};
    start_classic(group, Protocol::eager);
    CHECK(try_to_join(group) == ErrorCode::group_id_not_found);
  }
  SECTION("when they would be too big with the newcomer") {
    GroupSettings settings;
    settings.consumer_size_max = 2;
    MixedGroup group{settings};
    start_classic(group, Protocol::eager);
    CHECK(try_to_join(group) == ErrorCode::group_max_size_reached);
    CHECK(group.is_classic());
    group.kill("new");
    group.settle();
    CHECK(group.classic().state() == ClassicState::stable);
  }
  SECTION("when their members are not consumers") {
    MixedGroup group;
    auto request = group.join_request(group.add("a", Protocol::eager));
    request.protocol_type = "connect";
    group.send(request, 3);
    CHECK(try_to_join(group) == ErrorCode::group_id_not_found);
  }
  SECTION("when their subscriptions can't be read") {
    const auto blob = GENERATE(""s, "\1"s, "\xff\xff"s, "\0\1\x7f\xff\xff\xff"s, "\0\0\0\0\0\1\0\5t"s);
    MixedGroup group;
    auto request = group.join_request(group.add("a", Protocol::eager));
    const auto bytes = as_byte_view(blob);
    request.protocols[0].metadata.assign(bytes.begin(), bytes.end());
    group.send(request, 3);
    CHECK(try_to_join(group) == ErrorCode::group_id_not_found);
    CHECK(group.is_classic());
  }
  SECTION("when they tell each other too much") {
    MixedGroup group;
    for (int i = 0; i < 17; ++i) {
      auto request = group.join_request(group.add("a", Protocol::eager));
      request.protocols.push_back({"other", std::vector<std::byte>(1'000'000)});
      group.send(request, 3);
    }
    REQUIRE(group.classic().members().size() == 17);
    CHECK(try_to_join(group) == ErrorCode::group_id_not_found);
    CHECK(group.is_classic());
  }
  SECTION("when their assignor passes data") {
    MixedGroup group;
    auto request = group.join_request(group.add("a", Protocol::eager));
    const auto ticket = group.send(request, 3);
    group.pass(seconds{3});
    protocol::SyncGroupRequest sync;
    sync.group_id = "g";
    sync.member_id = group.joins.at(ticket).member_id;
    sync.generation_id = 1;
    protocol::ConsumerProtocolAssignment assignment;
    assignment.user_data = std::vector<std::byte>(3);
    sync.assignments.push_back({sync.member_id, broker::group::encode_assignment(assignment, {})});
    group.send(sync);
    REQUIRE(group.classic().state() == ClassicState::stable);
    CHECK(try_to_join(group) == ErrorCode::group_id_not_found);
  }
}

TEST_CASE("a consumer group stays one when the policy says so, or it is too big for a classic one",
          "[group][migration]") {
  GroupSettings settings;
  SECTION("policy") { settings = with_policy(MigrationPolicy::upgrade); }
  SECTION("size") { settings.size_max = 1; }
  MixedGroup group{settings};
  for (const auto* name : {"a", "b"}) group.add(name, Protocol::eager);
  group.add("c", Protocol::consumer);
  group.act(group["c"]);
  group.settle();
  REQUIRE(group.is_consumer());
  group.leave("c");
  CHECK(group.is_consumer());
  group.settle();
  CHECK(group.owned_by("a") == 3);
  CHECK(group.owned_by("b") == 3);
}

TEST_CASE("whoever comes and goes, a partition is in one hand at a time, and all are read in the end",
          "[group][migration]") {
  for (unsigned seed = 0; seed < 60; ++seed) {
    CAPTURE(seed);
    std::mt19937 random{seed};
    const auto below = [&](std::size_t bound) {
      return std::uniform_int_distribution<std::size_t>{0, bound - 1}(random);
    };
    MixedGroup group{{}, static_cast<int>(3 + below(6))};
    const auto classic = seed % 2 == 0 ? Protocol::eager : Protocol::cooperative;
    std::vector<std::string> names;
    for (int step = 0; step < 60; ++step) {
      const auto what = below(10);
      if (what < 2 && names.size() < 5) {
        names.push_back("m" + std::to_string(step));
        group.add(names.back(), below(2) == 0 ? classic : Protocol::consumer);
      } else if (what == 2 && !names.empty()) {
        const auto at = names.begin() + static_cast<std::ptrdiff_t>(below(names.size()));
        if (group[*at].in && !group[*at].joining && !group[*at].syncing) {
          group.leave(*at);
          names.erase(at);
        }
      } else if (what == 3) {
        group.restart();
      } else if (!names.empty()) {
        for (const auto& name : names) {
          if (below(2) == 0) group.act(group[name]);
        }
        group.pass(seconds{1});
      }
    }
    if (names.empty()) continue;
    group.settle();
    CHECK(group.owned_in_all() == group.image->find_topic("t")->partitions.size());
  }
}

TEST_CASE("what members tell each other is read in all versions", "[group][migration]") {
  const auto version = GENERATE(as<std::int16_t>{}, 0, 1, 2, 3);
  auto blob = subscription_blob({"u", "t", "t"}, {{"t", 1}}, version);
  const auto subscription = broker::group::decode_subscription(blob);
  REQUIRE(subscription);
  CHECK(broker::group::topics_of(*subscription) == std::vector<std::string>{"t", "u"});
  CHECK(subscription->owned_partitions.size() == (version > 0 ? 1 : 0));
  for (std::size_t size = 0; size < blob.size(); ++size) {
    CHECK_FALSE(broker::group::decode_subscription(ByteView{blob}.first(size)));
  }
  protocol::ConsumerProtocolAssignment assignment;
  assignment.assigned_partitions.push_back({"t", {PartitionId{1}}});
  const auto bytes = broker::group::encode_assignment(assignment, blob);
  CHECK(bytes[1] == std::byte(version));
  CHECK(broker::group::decode_assignment(bytes) == assignment);
  SECTION("and later ones as the last") {
    blob = subscription_blob({"t"}, {}, 3);
    blob[1] = std::byte{9};
    CHECK(broker::group::decode_subscription(blob));
    CHECK(broker::group::encode_assignment(assignment, blob)[1] == std::byte{3});
  }
}

}  // namespace sluice::test

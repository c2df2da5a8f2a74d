// Members of the classic protocol in a consumer group (KIP-848).

#include <catch2/catch.hpp>

#include "tests/unit/broker/group/mixed_group.hpp"

namespace sluice::test {
namespace {

using broker::group::ClassicState;
using protocol::ErrorCode;
using std::chrono::seconds;
using Protocol = MixedGroup::Protocol;

}  // namespace

TEST_CASE("classic members of a consumer group are checked as in a classic group", "[group][migration]") {
  MixedGroup group;
  group.add("c", Protocol::consumer);
  auto& a = group.add("a", Protocol::eager);
  group.settle();
  protocol::HeartbeatRequest beat;
  beat.group_id = "g";
  beat.member_id = a.id;
  beat.generation_id = a.epoch;
  CHECK(group.send(beat) == ErrorCode::none);
  SECTION("heartbeats") {
    beat.generation_id = a.epoch - 1;
    CHECK(group.send(beat) == ErrorCode::illegal_generation);
    beat.member_id = "nobody";
    CHECK(group.send(beat) == ErrorCode::unknown_member_id);
    beat.member_id = "c";
    beat.generation_id = group["c"].epoch;
    CHECK(group.send(beat) == ErrorCode::unknown_member_id);
  }
  SECTION("joins") {
    auto request = group.join_request(a);
    request.protocol_type = "connect";
    CHECK(group.joins.at(group.send(request)).error_code == ErrorCode::inconsistent_group_protocol);
    request = group.join_request(a);
    request.member_id = "";
    request.protocols[0].name = "sticky";
    CHECK(group.joins.at(group.send(request)).error_code == ErrorCode::inconsistent_group_protocol);
    request = group.join_request(a);
    request.session_timeout_ms = 1;
    CHECK(group.joins.at(group.send(request)).error_code == ErrorCode::invalid_session_timeout);
    request = group.join_request(a);
    request.protocols[0].metadata = {std::byte{0}};
    CHECK(group.joins.at(group.send(request)).error_code == ErrorCode::inconsistent_group_protocol);
    request.protocols.clear();
    CHECK(group.joins.at(group.send(request)).error_code == ErrorCode::inconsistent_group_protocol);
    request = group.join_request(a);
    request.member_id = "";
    CHECK(group.joins.at(group.send(request)).error_code == ErrorCode::member_id_required);
    CHECK(group.consumer().members().size() == 2);
    request.member_id = "made-up";  // or put out of the group meanwhile
    request.protocols[0].metadata = subscription_blob({"t"}, {{"t", 1}}, 1);
    CHECK(group.joins.at(group.send(request)).error_code == ErrorCode::unknown_member_id);
    request = group.join_request(a);
    for (int i = 0; i < 100; ++i) request.protocols.push_back({"p" + std::to_string(i), {}});
    CHECK(group.joins.at(group.send(request)).error_code == ErrorCode::inconsistent_group_protocol);
    request.protocols.resize(1);
    request.protocols[0].metadata.resize(2 << 20);
    CHECK(group.joins.at(group.send(request)).error_code == ErrorCode::unknown_server_error);
    CHECK(group.consumer().members().size() == 2);
    request = group.join_request(a);
    request.member_id = "";
    CHECK(group.joins.at(group.send(request, 3)).error_code == ErrorCode::none);  // before KIP-394
    CHECK(group.consumer().members().size() == 3);
  }
  SECTION("syncs") {
    protocol::SyncGroupRequest sync;
    sync.group_id = "g";
    sync.member_id = a.id;
    sync.generation_id = a.epoch;
    sync.protocol_name = "range";
    sync.protocol_type = "consumer";
    const auto& answer = group.syncs.at(group.send(sync));
    CHECK(answer.error_code == ErrorCode::none);
    CHECK(answer.protocol_name == "range");
    sync.protocol_name = "sticky";
    CHECK(group.syncs.at(group.send(sync)).error_code == ErrorCode::inconsistent_group_protocol);
    sync.protocol_name = "range";
    sync.generation_id = a.epoch + 1;
    CHECK(group.syncs.at(group.send(sync)).error_code == ErrorCode::illegal_generation);
    sync.generation_id = a.epoch;
    group.add("d", Protocol::consumer);
    group.act(group["d"]);
    CHECK(group.syncs.at(group.send(sync)).error_code == ErrorCode::rebalance_in_progress);
  }
  SECTION("leaving") {
    protocol::LeaveGroupRequest leave;
    leave.group_id = "g";
    leave.members.emplace_back().member_id = "nobody";
    CHECK(group.send(leave).members[0].error_code == ErrorCode::unknown_member_id);
    leave.members[0].group_instance_id = "i";
    CHECK(group.send(leave).members[0].error_code == ErrorCode::unknown_member_id);
    CHECK(group.consumer().members().size() == 2);
  }
}

TEST_CASE("a classic member that does not do what it is told is fenced", "[group][migration]") {
  MixedGroup group;
  group.add("c", Protocol::consumer);
  group.add("a", Protocol::eager);
  group.settle();
  const auto a = group["a"];
  group.kill("a");
  const auto is_in = [&, id = a.id] { return group.consumer().members().contains(id); };
  const auto c_lives = [&](seconds time) {
    for (auto left = time; left > seconds{0}; left -= seconds{1}) {
      group.act(group["c"]);
      group.pass(seconds{1});
    }
  };
  SECTION("no heartbeats within its session timeout") {
    c_lives(seconds{7});
    CHECK(is_in());
    c_lives(seconds{2});
    CHECK_FALSE(is_in());
  }
  SECTION("told to join again, but not within its rebalance timeout") {
    group.add("d", Protocol::consumer);
    group.act(group["d"]);
    protocol::HeartbeatRequest beat;
    beat.group_id = "g";
    beat.member_id = a.id;
    beat.generation_id = a.epoch;
    for (int i = 0; i < 59; ++i) {
      CHECK(group.send(beat) == ErrorCode::rebalance_in_progress);
      c_lives(seconds{1});
      group.act(group["d"]);
    }
    CHECK(is_in());
    c_lives(seconds{2});
    CHECK_FALSE(is_in());
    CHECK(group.send(beat) == ErrorCode::unknown_member_id);
  }
  SECTION("joined again, but no SyncGroup within its rebalance timeout") {
    auto request = group.join_request(a);
    request.session_timeout_ms = 100'000;
    group.send(request);
    c_lives(seconds{59});
    CHECK(is_in());
    c_lives(seconds{2});
    CHECK_FALSE(is_in());
  }
}

TEST_CASE("what a member was to give up in time is forgotten when it comes as a classic one", "[group][migration]") {
  MixedGroup group;
  group.add("c", Protocol::consumer);
  group.settle();
  group.add("d", Protocol::consumer);
  group.act(group["d"]);
  group.act(group["c"]);
  REQUIRE(group.consumer().members().at("c").rebalance_deadline);
  const auto had = group.consumer().members().at("c").pending_revocation;
  group.kill("c");
  auto& client = group.add("c", Protocol::cooperative);
  client.id = "c";
  for (int i = 0; i < 6; ++i) client.owned.emplace("t", i);
  group.send(group.join_request(client));
  const auto& member = group.consumer().members().at("c");
  CHECK(member.classic);
  CHECK(member.pending_revocation == had);  // it has not given it up yet
  CHECK_FALSE(member.rebalance_deadline);
  group.settle();
  CHECK(group.owned_by("c") == 3);
  CHECK(group.owned_by("d") == 3);
}

TEST_CASE("a static member may come back with the other protocol", "[group][migration]") {
  MixedGroup group;
  group.add("x", Protocol::consumer);
  group.settle();
  auto& a = group.add("a", Protocol::eager);
  a.instance = "i";
  group.settle();
  const auto kept = a.owned;
  const auto epoch = group.consumer().group_epoch();
  group.kill("a");
  auto& b = group.add("b", Protocol::consumer);
  b.instance = "i";
  group.act(b);
  CHECK(b.owned == kept);
  CHECK(group.consumer().group_epoch() == epoch);
  SECTION("and back") {
    group.kill("b");
    auto& c = group.add("c", Protocol::eager);
    c.instance = "i";
    group.settle();
    CHECK(c.owned == kept);
    CHECK(group.consumer().group_epoch() == epoch);
  }
  SECTION("and an old one is fenced") {
    group.kill("b");
    auto& c = group.add("c", Protocol::eager);
    c.instance = "i";
    group.settle();
    auto& d = group.add("d", Protocol::eager);
    d.instance = "i";
    d.must_join = true;
    group.act(d);
    group.act(d);
    group.act(c);
    CHECK(c.last_error == ErrorCode::fenced_instance_id);
  }
}

TEST_CASE("a static member that comes back as the last classic one ends the consumer group", "[group][migration]") {
  MixedGroup group;
  auto& a = group.add("a", Protocol::consumer);
  a.instance = "i";
  group.settle();
  group.add("e", Protocol::eager);
  group.settle();
  const auto kept = group["a"].owned;
  const auto epoch = group.consumer().group_epoch();
  group.kill("a");
  auto& b = group.add("b", Protocol::eager);
  b.instance = "i";
  group.act(b);
  REQUIRE(group.is_classic());
  CHECK(group.classic().state() == ClassicState::stable);  // nothing moves
  CHECK(group.classic().generation_id() == epoch);
  group.settle();
  CHECK(b.owned == kept);
  CHECK(group.classic().generation_id() == epoch);
  CHECK(group.owned_in_all() == 6);
}

TEST_CASE("an administrator removes static members of either protocol by their instance ids", "[group][migration]") {
  MixedGroup group;
  group.add("x", Protocol::consumer);
  group.add("a", Protocol::eager).instance = "i";
  group.add("b", Protocol::consumer).instance = "j";
  group.settle();
  protocol::LeaveGroupRequest leave;
  leave.group_id = "g";
  for (const auto* instance : {"i", "j", "k"}) leave.members.emplace_back().group_instance_id = instance;
  const auto answer = group.send(leave);
  CHECK(answer.members[0].error_code == ErrorCode::none);
  CHECK(answer.members[1].error_code == ErrorCode::none);
  CHECK(answer.members[2].error_code == ErrorCode::unknown_member_id);
  CHECK(group.consumer().members().size() == 1);
}

}  // namespace sluice::test

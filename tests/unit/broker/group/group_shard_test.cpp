#include "broker/group/group_shard.hpp"

#include <algorithm>

#include "tests/unit/broker/group/group_harness.hpp"

namespace sluice::test {
namespace {

using broker::group::ConsumerGroupRecord;
using broker::group::GroupMetadataRecord;
using broker::group::GroupRecord;
using broker::group::MemberRecord;
using std::chrono::hours;

/// A shard whose records are committed one batch at a time, and what a coordinator would load instead.
struct Shard {
  broker::config::GroupSettings settings{.initial_rebalance_delay = milliseconds{0}};
  broker::group::GroupShard shard{settings};
  broker::group::Now now{.wall = Timestamp{1'700'000'000'000}, .steady = milliseconds{1000}};
  std::vector<GroupRecord> log;

  /// A heartbeat of a consumer of topic "t"; `epoch` 0 joins, -1 leaves.
  protocol::ConsumerGroupHeartbeatResponse beat(const std::string& member, std::int32_t epoch) {
    protocol::ConsumerGroupHeartbeatRequest request;
    request.group_id = "g";
    request.member_id = member;
    request.member_epoch = epoch;
    if (epoch == 0) {
      request.rebalance_timeout_ms = 60'000;
      request.subscribed_topic_names = {"t"};
      request.topic_partitions.emplace();
    }
    auto decision = shard.consumer_heartbeat({request, 1, "client", "/127.0.0.1", Uuid{}}, now);
    commit(decision.records);
    perform(decision.effects);
    return decision.response;
  }
  protocol::JoinGroupResponse join(const std::string& member = "", std::int16_t version = 3) {
    auto request = join_request("g", member);
    auto effects = shard.join({request, version, "client", "/127.0.0.1", Uuid{}, broker::group::Ticket{1}}, now);
    perform(effects);
    while (effects.joins.empty() && shard.next_deadline()) {
      now.steady = *shard.next_deadline();
      effects = shard.tick(now);
      perform(effects);
    }
    REQUIRE(effects.joins.size() == 1);
    return effects.joins.front().response;
  }
  void commit_offset(const std::string& topic, const std::string& member = "", std::int32_t epoch = -1) {
    protocol::OffsetCommitRequest request;
    request.group_id = "g";
    request.member_id = member;
    request.generation_id_or_member_epoch = epoch;
    auto& to = request.topics.emplace_back();
    to.name = topic;
    to.partitions.emplace_back().committed_offset = Offset{1};
    const auto decision = shard.commit(request, 9, now);
    REQUIRE(decision.response.topics.front().partitions.front().error_code == ErrorCode::none);
    commit(decision.records);
  }
  void commit(const std::vector<GroupRecord>& records) {
    if (records.empty()) return;
    shard.on_append("g");
    for (const auto& record : records) {
      shard.replay(record);
      log.push_back(record);
    }
    shard.on_appended("g");
  }
  void perform(const broker::group::Effects& effects) {
    for (const auto& write : effects.writes) commit(write.records);
  }
  void forget_expired() {
    for (const auto& write : shard.forget_expired(now)) commit(write.records);
  }
  broker::group::GroupShard loaded() const {
    broker::group::GroupShard made{settings};
    for (const auto& record : log) made.load(record);
    made.finish_loading(now);
    return made;
  }
};

}  // namespace

TEST_CASE("a group that only has offsets has no core", "[group]") {
  Shard it;
  it.commit_offset("t");
  CHECK(it.shard.find_classic("g") == nullptr);
  CHECK(it.shard.find_consumer("g") == nullptr);
  CHECK(it.shard.describe("g").group_state == "Empty");
  CHECK(it.shard.list({}).front().group_type == "classic");
  CHECK(it.beat("m", 0).error_code == ErrorCode::none);
  CHECK(it.shard.find_consumer("g") != nullptr);
  CHECK(it.shard.find_offsets("g")->topics().size() == 1);
}

TEST_CASE("a request that is turned down makes no group of the consumer protocol", "[group]") {
  Shard it;
  CHECK(it.beat("m", 5).error_code == ErrorCode::group_id_not_found);
  CHECK(it.beat("m", -1).error_code == ErrorCode::group_id_not_found);
  CHECK(it.beat("", 0).error_code == ErrorCode::invalid_request);
  CHECK(it.shard.group_count() == 0);
}

TEST_CASE("an empty classic group becomes one of the consumer protocol, and back", "[group]") {
  Shard it;
  const auto joined = it.join();
  REQUIRE(joined.error_code == ErrorCode::none);
  protocol::LeaveGroupRequest leave;
  leave.group_id = "g";
  leave.members.emplace_back().member_id = joined.member_id;
  it.perform(it.shard.leave(leave, it.now).effects);
  REQUIRE(it.shard.find_classic("g")->stored());

  CHECK(it.beat("m", 0).error_code == ErrorCode::none);
  CHECK(it.shard.find_classic("g") == nullptr);
  auto loaded = it.loaded();
  CHECK(loaded.find_classic("g") == nullptr);
  REQUIRE(loaded.find_consumer("g") != nullptr);
  CHECK(loaded.find_consumer("g")->members().contains("m"));

  REQUIRE(it.beat("m", -1).error_code == ErrorCode::none);
  CHECK(it.join("unknown").error_code == ErrorCode::unknown_member_id);
  CHECK(it.shard.find_consumer("g") != nullptr);
  CHECK(it.join().error_code == ErrorCode::none);
  CHECK(it.shard.find_consumer("g") == nullptr);
  CHECK(it.loaded().group_count() == 0);  // nothing is stored of the generation that begins
}

TEST_CASE("an id that is given out makes a group classic only once it is used", "[group]") {
  Shard it;
  CHECK(it.join("", 4).error_code == ErrorCode::member_id_required);
  CHECK(it.shard.list({}).front().group_state == "Empty");
  CHECK(it.beat("m", 0).error_code == ErrorCode::none);
  CHECK(it.shard.list({}).front().group_type == "consumer");
}

TEST_CASE("compaction may leave parts of a consumer group in another order", "[group]") {
  Shard it;
  REQUIRE(it.beat("a", 0).error_code == ErrorCode::none);
  REQUIRE(it.beat("b", 0).error_code == ErrorCode::none);
  std::stable_partition(it.log.begin(), it.log.end(),
                        [](const auto& record) { return !std::holds_alternative<ConsumerGroupRecord>(record); });
  const auto loaded = it.loaded();
  REQUIRE(loaded.find_consumer("g") != nullptr);
  CHECK(loaded.find_consumer("g")->members().size() == 2);
  CHECK(loaded.find_consumer("g")->group_epoch() == it.shard.find_consumer("g")->group_epoch());
}

TEST_CASE("tombstones without what they end make no group", "[group]") {
  Shard it;
  it.log = {MemberRecord{{"g", "m"}, std::nullopt}, ConsumerGroupRecord{{"g"}, std::nullopt},
            GroupMetadataRecord{{"g"}, std::nullopt}};
  CHECK(it.loaded().group_count() == 0);
}

TEST_CASE("offsets that a consumer group does not read expire, and with the last the group ends", "[group]") {
  Shard it;
  REQUIRE(it.beat("m", 0).error_code == ErrorCode::none);
  it.commit_offset("t", "m", 1);
  it.commit_offset("other", "m", 1);
  it.now.wall = it.now.wall + milliseconds{hours{24 * 8}}.count();
  it.forget_expired();
  CHECK(it.shard.find_offsets("g")->topics().size() == 1);
  CHECK(it.shard.find_offsets("g")->topics().begin()->first == "t");

  REQUIRE(it.beat("m", -1).error_code == ErrorCode::none);
  it.forget_expired();
  CHECK(it.shard.group_count() == 0);
  CHECK(it.loaded().group_count() == 0);
}

}  // namespace sluice::test

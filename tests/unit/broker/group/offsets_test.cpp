#include "broker/group/offsets.hpp"

#include <limits>

#include "tests/unit/broker/group/group_harness.hpp"

namespace sluice::test {
namespace {

using std::chrono::hours;

/// A consumer group "g" with one member that reads topic "t". Returns its id; the generation is 1.
std::string one_member(GroupHarness& groups) {
  const auto ticket = groups.join(join_request("g"), 3);
  groups.pass(seconds{3});
  const auto joined = *groups.joined(ticket);
  groups.sync(sync_request("g", joined, {{joined.member_id, "all"}}));
  return joined.member_id;
}

void stay_for(GroupHarness& groups, const std::string& member, std::chrono::milliseconds time) {
  // A session of ten seconds would take many steps: the clock jumps, and the member is heard of in time.
  groups.now.wall = groups.now.wall + time.count();
  CHECK(groups.heartbeat("g", member, 1) == ErrorCode::none);
}

}  // namespace

TEST_CASE("a committed offset is what is fetched, once its record is committed", "[group]") {
  GroupHarness groups;
  CHECK(groups.fetched("g", "t", 0) == kNoOffset);
  groups.commits_at_once = false;
  CHECK(groups.commit("g", "", -1, "t", 0, 42) == ErrorCode::none);
  CHECK(groups.fetched("g", "t", 0) == kNoOffset);
  groups.commit_appends();
  CHECK(groups.fetched("g", "t", 0) == Offset{42});
  CHECK(groups.fetched("g", "t", 1) == kNoOffset);
  CHECK(groups.fetched("h", "t", 0) == kNoOffset);
}

TEST_CASE("offsets of a group at work are committed by its members only", "[group]") {
  GroupHarness groups;
  const auto member = one_member(groups);
  CHECK(groups.commit("g", "", -1, "t", 0, 1) == ErrorCode::unknown_member_id);
  CHECK(groups.commit("g", "nobody", 1, "t", 0, 1) == ErrorCode::unknown_member_id);
  CHECK(groups.commit("g", member, 7, "t", 0, 1) == ErrorCode::illegal_generation);
  CHECK(groups.commit("h", "nobody", 1, "t", 0, 1) == ErrorCode::illegal_generation);
  CHECK(groups.commit("g", member, 1, "t", 0, 1) == ErrorCode::none);
  SECTION("also while the others join again, but not between joining and syncing") {
    groups.join(join_request("g"), 3);
    CHECK(groups.commit("g", member, 1, "t", 0, 2) == ErrorCode::none);
    groups.join(join_request("g", member));
    CHECK(groups.commit("g", member, 2, "t", 0, 3) == ErrorCode::rebalance_in_progress);
  }
  SECTION("and by anybody when the last has left") {
    groups.leave("g", member);
    CHECK(groups.commit("g", "", -1, "t", 0, 2) == ErrorCode::none);
  }
}

TEST_CASE("text committed with an offset has a limit", "[group]") {
  GroupHarness groups{{.offset_metadata_max_bytes = 4}};
  CHECK(groups.commit("g", "", -1, "t", 0, 1, "1234") == ErrorCode::none);
  CHECK(groups.commit("g", "", -1, "t", 0, 2, "12345") == ErrorCode::offset_metadata_too_large);
  CHECK(groups.fetched("g", "t", 0) == Offset{1});
}

TEST_CASE("an offset of a topic that was made anew is not found by its id", "[group]") {
  GroupHarness groups;
  const Uuid first{{1}};
  groups.shard.replay(broker::group::offset_record("g", "t", PartitionId{0}, {.offset = Offset{5}, .topic_id = first}));
  broker::group::GroupShard::FetchOfGroup request;
  request.group_id = "g";
  auto& asked = request.topics->emplace_back();
  asked.name = "t";
  asked.partition_indexes = {PartitionId{0}};
  const auto offset = [&] { return groups.shard.fetch(request).topics.front().partitions.front().committed_offset; };
  CHECK(offset() == Offset{5});
  asked.topic_id = first;
  CHECK(offset() == Offset{5});
  asked.topic_id = Uuid{{2}};
  CHECK(offset() == kNoOffset);
}

TEST_CASE("offsets of a consumer without a group expire a week after their commit", "[group]") {
  GroupHarness groups;
  groups.commit("g", "", -1, "t", 0, 1);
  groups.pass(hours{24});
  groups.commit("g", "", -1, "t", 1, 1);
  groups.pass(hours{24 * 6});
  groups.write_all(groups.shard.forget_expired(groups.now));
  CHECK(groups.fetched("g", "t", 0) == kNoOffset);
  CHECK(groups.fetched("g", "t", 1) == Offset{1});
  groups.pass(hours{24});
  groups.write_all(groups.shard.forget_expired(groups.now));
  CHECK(groups.shard.group_count() == 0);
}

TEST_CASE("offsets of a group expire a week after its last member left, and the group with them", "[group]") {
  GroupHarness groups;
  const auto member = one_member(groups);
  groups.commit("g", member, 1, "t", 0, 1);
  groups.leave("g", member);
  groups.pass(hours{24 * 7} - seconds{1});
  groups.write_all(groups.shard.forget_expired(groups.now));
  CHECK(groups.fetched("g", "t", 0) == Offset{1});
  groups.pass(seconds{1});
  groups.write_all(groups.shard.forget_expired(groups.now));
  CHECK(groups.shard.group_count() == 0);
  CHECK(groups.reloaded().group_count() == 0);
}

TEST_CASE("a group at work keeps the offsets of the topics that it reads, whatever their age", "[group]") {
  GroupHarness groups;
  const auto member = one_member(groups);
  groups.commit("g", member, 1, "t", 0, 1);
  groups.commit("g", member, 1, "read-no-more", 0, 1);
  stay_for(groups, member, hours{24 * 30});
  groups.write_all(groups.shard.forget_expired(groups.now));
  CHECK(groups.fetched("g", "t", 0) == Offset{1});
  CHECK(groups.fetched("g", "read-no-more", 0) == kNoOffset);
}

TEST_CASE("the retention that an old client asks for is kept, also in the log", "[group]") {
  GroupHarness groups;
  protocol::OffsetCommitRequest request;
  request.group_id = "g";
  request.retention_time_ms = 1000;
  auto& topic = request.topics.emplace_back();
  topic.name = "t";
  topic.partitions.emplace_back().committed_offset = Offset{3};
  for (const auto& record : groups.shard.commit(request, 2, groups.now).records) {
    groups.shard.replay(record);
    groups.log.push_back(record);
  }
  CHECK(groups.reloaded().fetch({.group_id = "g", .topics = std::nullopt}).topics.size() == 1);
  groups.pass(seconds{1});
  CHECK(groups.shard.forget_expired(groups.now).size() == 1);
}

TEST_CASE("a deleted topic takes its offsets along", "[group]") {
  GroupHarness groups;
  groups.commit("g", "", -1, "t", 0, 1);
  groups.commit("g", "", -1, "u", 0, 2);
  groups.commit("h", "", -1, "t", 3, 3);
  groups.write_all(groups.shard.forget_topic("t", Uuid{{1}}));
  CHECK(groups.fetched("g", "t", 0) == kNoOffset);
  CHECK(groups.fetched("g", "u", 0) == Offset{2});
  CHECK(groups.shard.find_offsets("h") == nullptr);
}

TEST_CASE("offsets of topics that members read can't be deleted", "[group]") {
  GroupHarness groups;
  const auto member = one_member(groups);
  groups.commit("g", member, 1, "t", 0, 1);
  groups.commit("g", member, 1, "u", 0, 1);
  protocol::OffsetDeleteRequest request;
  request.group_id = "g";
  for (const auto* name : {"t", "u"}) {
    auto& topic = request.topics.emplace_back();
    topic.name = name;
    topic.partitions.emplace_back();
  }
  const auto decision = groups.shard.delete_offsets(request);
  CHECK(decision.response.topics[0].partitions[0].error_code == ErrorCode::group_subscribed_to_topic);
  CHECK(decision.response.topics[1].partitions[0].error_code == ErrorCode::none);
  CHECK(decision.records.size() == 1);
  request.group_id = "nobody";
  CHECK(groups.shard.delete_offsets(request).response.error_code == ErrorCode::group_id_not_found);
}

TEST_CASE("a topic that was made anew is fetched once for each id that offsets were committed for", "[group]") {
  GroupHarness groups;
  const auto store = [&](std::int32_t partition, Uuid id) {
    groups.shard.replay(
        broker::group::offset_record("g", "t", PartitionId{partition}, {.offset = Offset{5}, .topic_id = id}));
  };
  store(0, Uuid{{1}});
  store(1, Uuid{{2}});
  store(2, Uuid{{2}});
  broker::group::GroupShard::FetchOfGroup request;
  request.group_id = "g";
  request.topics.reset();
  const auto topics = groups.shard.fetch(request).topics;
  REQUIRE(topics.size() == 2);
  CHECK((topics[0].topic_id == Uuid{{1}}));
  CHECK(topics[0].partitions.size() == 1);
  CHECK((topics[1].topic_id == Uuid{{2}}));
  CHECK(topics[1].name == "t");
  CHECK(topics[1].partitions.size() == 2);
}

TEST_CASE("a commit of more than one batch can hold is refused as a whole", "[group]") {
  GroupHarness groups;
  protocol::OffsetCommitRequest request;
  request.group_id = std::string(2000, 'g');
  request.generation_id_or_member_epoch = -1;
  auto& topic = request.topics.emplace_back();
  topic.name = "t";
  const auto name = [&](std::int32_t count) {
    topic.partitions.clear();
    for (std::int32_t i = 0; i < count; ++i) topic.partitions.emplace_back().partition_index = PartitionId{i};
  };
  name(500);
  CHECK(groups.shard.commit(request, 8, groups.now).records.size() == 500);
  name(600);
  const auto refused = groups.shard.commit(request, 8, groups.now);
  CHECK(refused.records.empty());
  CHECK(refused.response.topics.front().partitions.size() == 600);
  CHECK(refused.response.topics.front().partitions.back().error_code == ErrorCode::invalid_commit_offset_size);
}

TEST_CASE("an offset that is to be kept for ever does not expire", "[group]") {
  GroupHarness groups;
  protocol::OffsetCommitRequest request;
  request.group_id = "g";
  request.generation_id_or_member_epoch = -1;
  request.retention_time_ms = std::numeric_limits<std::int64_t>::max();
  auto& topic = request.topics.emplace_back();
  topic.name = "t";
  topic.partitions.emplace_back();
  groups.write_all({{.group = "g", .records = groups.shard.commit(request, 4, groups.now).records}});
  groups.now.wall = groups.now.wall + std::chrono::milliseconds{hours{24 * 365}}.count();
  CHECK(groups.shard.forget_expired(groups.now).empty());
  CHECK(groups.shard.find_offsets("g") != nullptr);
}

TEST_CASE("a partition that is named twice is deleted once", "[group]") {
  GroupHarness groups;
  groups.commit("g", "", -1, "t", 0, 1);
  protocol::OffsetDeleteRequest request;
  request.group_id = "g";
  auto& topic = request.topics.emplace_back();
  topic.name = "t";
  topic.partitions.resize(3);
  request.topics.push_back(topic);
  const auto deleted = groups.shard.delete_offsets(request);
  CHECK(deleted.records.size() == 1);
  CHECK(deleted.response.topics.front().partitions.size() == 1);
  CHECK(deleted.response.topics.back().partitions.empty());
}

TEST_CASE("only groups without members are deleted", "[group]") {
  GroupHarness groups;
  const auto member = one_member(groups);
  groups.commit("g", member, 1, "t", 0, 1);
  CHECK(groups.delete_group("g") == ErrorCode::non_empty_group);
  groups.leave("g", member);
  CHECK(groups.delete_group("g") == ErrorCode::none);
  CHECK(groups.delete_group("g") == ErrorCode::group_id_not_found);
  CHECK(groups.state("g") == "Dead");
  CHECK(groups.reloaded().group_count() == 0);
}

TEST_CASE("groups are listed by state and type", "[group]") {
  GroupHarness groups;
  one_member(groups);
  groups.commit("h", "", -1, "t", 0, 1);
  protocol::ListGroupsRequest request;
  CHECK(groups.shard.list(request).size() == 2);
  request.states_filter = {"stable"};
  REQUIRE(groups.shard.list(request).size() == 1);
  CHECK(groups.shard.list(request).front().group_id == "g");
  CHECK(groups.shard.list(request).front().protocol_type == "consumer");
  request.states_filter.clear();
  request.types_filter = {"consumer"};
  CHECK(groups.shard.list(request).empty());
}

}  // namespace sluice::test

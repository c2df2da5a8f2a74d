// How requests share appends, and what becomes of them when those fail.

#include "tests/unit/broker/group/group_partition_driver_harness.hpp"

namespace sluice::test::driver {
namespace {

ErrorCode error_of(const protocol::OffsetCommitResponse& response) {
  return response.topics.front().partitions.front().error_code;
}

protocol::OffsetCommitRequest commit_of_many(int partitions) {
  auto request = commit_of(1);
  auto& topic = request.topics.front();
  for (int i = 1; i < partitions; ++i) topic.partitions.emplace_back().partition_index = PartitionId{i};
  return request;
}

GroupShard::FetchOfGroup fetch_of(const std::string& topic) {
  GroupShard::FetchOfGroup request;
  request.group_id = "g";
  auto& asked = request.topics->emplace_back();
  asked.name = topic;
  asked.partition_indexes = {PartitionId{0}};
  return request;
}

Offset offset_of(const GroupShard::FetchedOfGroup& fetched) {
  return fetched.topics.front().partitions.front().committed_offset;
}

}  // namespace

TEST_CASE("a SyncGroup that waits for the commit of another group is answered when that can't be written", "[group]") {
  Coordinator it{config::Durability::os};
  Member member{it, it.start_driver(), "m"};
  REQUIRE(member.beat(0) == ErrorCode::none);
  it.log.fs.inject(kDiskFull);
  std::atomic<int> refused{0};
  it.on_thread([&] {
    member.driver->commit(commit_of(1), 8,
                          [&](const auto& response) { refused += error_of(response) != ErrorCode::none; });
    protocol::SyncGroupRequest sync;
    sync.group_id = "c";
    sync.member_id = "stranger";
    member.driver->sync(sync, [&](const auto& response) { refused += response.error_code != ErrorCode::none; });
    protocol::JoinGroupRequest join;
    join.group_id = "c";
    join.member_id = "stranger";
    member.driver->join(join, {.version = 3, .client_id = "c", .client_host = "/127.0.0.1"}, [&](const auto& response) {
      refused += response.error_code != ErrorCode::none && response.member_id == "stranger";
    });
    return true;
  });
  CHECK(eventually([&] { return refused == 3; }));
  CHECK(member.is_in_group());
}

TEST_CASE("a request that is too large for a segment fails alone", "[group]") {
  Coordinator it{config::Durability::os};
  auto settings = *it.log.partition->settings();
  settings.segment_bytes = 4096;
  it.log.partition->set_settings(std::make_shared<const config::TopicSettings>(settings));
  Member member{it, it.start_driver(), "m"};
  REQUIRE(member.beat(0) == ErrorCode::none);
  std::atomic<int> written{0};
  std::atomic<bool> refused{false};
  it.on_thread([&] {
    const auto count = [&](const auto& response) { written += error_of(response) == ErrorCode::none; };
    member.driver->commit(commit_of(1), 8, count);
    member.driver->commit(commit_of_many(200), 8, [&](const auto& response) {
      refused = error_of(response) == ErrorCode::unknown_server_error;
    });
    member.driver->commit(commit_of(2), 8, count);
    return true;
  });
  CHECK(eventually([&] { return written == 2; }));
  CHECK(refused);
  CHECK(member.is_in_group());
  CHECK(it.fetched(member.driver) == Offset{2});
}

TEST_CASE("large requests that come together are batches of their own", "[group]") {
  Coordinator it{config::Durability::os};
  const auto driver = it.start_driver();
  std::atomic<int> written{0};
  constexpr int kMany = 5000;
  it.on_thread([&] {
    for (int i = 0; i < 3; ++i) {
      driver->commit(commit_of_many(kMany), 8,
                     [&](const auto& response) { written += error_of(response) == ErrorCode::none; });
    }
    return true;
  });
  CHECK(eventually([&] { return written == 3; }));
  std::vector<std::byte> bytes(4 << 20);
  const auto slice = it.log.partition->log().read(Offset{0}, bytes.size(), Offset{3 * kMany}, true);
  REQUIRE(slice.has_value());
  bytes.resize(slice->size);
  REQUIRE(slice->read(bytes).has_value());
  record::BatchWalker walker{bytes};
  for (int i = 0; i < 3; ++i) {
    const auto batch = walker.next();
    REQUIRE(batch);
    CHECK(batch->record_count() == kMany);
  }
}

TEST_CASE("who fetches stable offsets gets what is being committed", "[group]") {
  Coordinator it{config::Durability::fsync};
  const auto driver = it.start_driver();
  std::atomic<std::int64_t> unstable{-2};
  std::atomic<std::int64_t> stable{-2};
  it.on_thread([&] {
    driver->commit(commit_of(7), 8, [](const auto&) {});
    driver->fetch(fetch_of("t"), false, [&](const auto& fetched) { unstable = offset_of(fetched).value(); });
    driver->fetch(fetch_of("t"), true, [&](const auto& fetched) { stable = offset_of(fetched).value(); });
    return true;
  });
  CHECK(eventually([&] { return stable == 7; }));
  CHECK(unstable == -1);
}

TEST_CASE("who fetches stable offsets when a commit can't be written is told to look for another coordinator",
          "[group]") {
  Coordinator it{config::Durability::os};
  const auto driver = it.start_driver();
  it.log.fs.inject(kDiskFull);
  std::atomic<int> answered{-1};
  it.on_thread([&] {
    driver->commit(commit_of(7), 8, [](const auto&) {});
    driver->fetch(fetch_of("t"), true, [&](const auto& fetched) { answered = static_cast<int>(fetched.error_code); });
    return true;
  });
  CHECK(eventually([&] { return answered == static_cast<int>(ErrorCode::not_coordinator); }));
}

TEST_CASE("a commit to a topic that is deleted while it is written leaves nothing behind", "[group]") {
  Coordinator it{config::Durability::fsync};
  const auto driver = it.start_driver();
  std::atomic<bool> answered{false};
  it.on_thread([&] {
    driver->commit(commit_of(7), 8, [&](const auto& response) { answered = error_of(response) == ErrorCode::none; });
    driver->forget_topic("t", Uuid::random());
    return true;
  });
  CHECK(eventually([&] { return it.log.partition->high_watermark() == Offset{2}; }));
  CHECK(answered);
  CHECK(eventually([&] { return it.on_thread([&] { return driver->shard().group_count(); }) == 0; }));
}

TEST_CASE("offsets of topics that were deleted when nobody coordinated the group are forgotten", "[group]") {
  Coordinator it{config::Durability::os};
  const auto first = it.start_driver();
  std::atomic<int> written{0};
  it.on_thread([&] {
    auto request = commit_of(7);
    for (const auto* name : {"gone", "anew"}) {
      auto& topic = request.topics.emplace_back();
      topic.name = name;
      topic.topic_id = Uuid::random();
      topic.partitions.emplace_back().committed_offset = Offset{5};
    }
    first->commit(request, 8, [&](const auto&) { ++written; });
    return true;
  });
  REQUIRE(eventually([&] { return written == 1; }));
  auto image = std::make_shared<controller::MetadataImage>();
  const auto add = [&](const char* name, const Uuid& id) {
    auto topic = std::make_shared<controller::TopicImage>();
    topic->name = name;
    topic->id = id;
    image->add_topic(std::move(topic));
  };
  const bool knows_the_log = GENERATE(false, true);
  CAPTURE(knows_the_log);
  if (knows_the_log) add("__consumer_offsets", it.log.partition->topic_id());
  add("t", Uuid::random());
  add("anew", Uuid::random());
  it.images.now = image;
  const auto second = it.start_driver();
  REQUIRE(eventually([&] { return it.availability(second) == ErrorCode::none; }));
  const auto offset = [&](const char* topic) {
    return it.on_thread([&] { return offset_of(second->shard().fetch(fetch_of(topic))); });
  };
  const Offset expected = knows_the_log ? kNoOffset : Offset{5};
  CHECK(eventually([&] { return offset("gone") == expected; }));
  CHECK(eventually([&] { return offset("anew") == expected; }));
  CHECK(offset("t") == Offset{7});
}

TEST_CASE("a commit that is under way when the coordinator ends is answered", "[group]") {
  Coordinator it{config::Durability::fsync};
  auto driver = it.start_driver();
  std::atomic<bool> answered{false};
  it.on_thread([&] {
    driver->commit(commit_of(7), 8, [&](const auto& response) { answered = error_of(response) == ErrorCode::none; });
    driver->stop();
    driver.reset();
    return true;
  });
  CHECK(eventually([&] { return answered.load(); }));
}

TEST_CASE("a commit under way is not expired with what it replaces", "[group]") {
  const config::GroupSettings settings;
  GroupShard shard{settings};
  shard.replay(offset_record("g", "t", PartitionId{0}, {.offset = Offset{1}}));
  const Now later{.wall = Timestamp{std::int64_t{1} << 40}};
  shard.on_append("g");
  CHECK(shard.forget_expired(later).empty());
  shard.on_appended("g");
  CHECK(shard.forget_expired(later).size() == 1);
}

TEST_CASE("a request that a refusal brings at once may have the groups loaded anew", "[group]") {
  Coordinator it{config::Durability::os};
  const auto driver = it.start_driver();
  it.log.fs.inject(kDiskFull);
  std::atomic<int> refused{0};
  it.on_thread([&] {
    auto joining = consumer_heartbeat_of("m", 0);
    for (int i = 0; i < 30'000; ++i) joining.subscribed_topic_names->push_back("topic-" + std::to_string(i));
    driver->commit(commit_of(1), 8, [&, joining](const auto& response) {
      refused += error_of(response) != ErrorCode::none;
      driver->consumer_heartbeat(joining, {.version = 1, .client_id = "", .client_host = ""},
                                 [&](const auto& beat) { refused += beat.error_code != ErrorCode::none; });
    });
    driver->commit(commit_of(2), 8, [&](const auto& response) { refused += error_of(response) != ErrorCode::none; });
    return true;
  });
  CHECK(eventually([&] { return refused == 3; }));
  it.log.fs.clear_faults();
  CHECK(eventually([&] { return it.availability(driver) == ErrorCode::none; }));
}

}  // namespace sluice::test::driver

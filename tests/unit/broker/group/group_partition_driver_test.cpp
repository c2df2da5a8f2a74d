#include "broker/group/group_partition_driver.hpp"

#include <atomic>
#include <future>

#include "broker/controller/controller.hpp"
#include "broker/server/blocking_pool.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/partition_harness.hpp"

namespace sluice::broker::group {
namespace {

using protocol::ErrorCode;
using test::eventually;
using test::PartitionHarness;

protocol::OffsetCommitRequest commit_of(std::int64_t offset) {
  protocol::OffsetCommitRequest request;
  request.group_id = "g";
  auto& topic = request.topics.emplace_back();
  topic.name = "t";
  topic.partitions.emplace_back().committed_offset = Offset{offset};
  return request;
}

struct Images final : controller::ImageSource {
  std::shared_ptr<const controller::MetadataImage> image() const override { return now; }
  std::shared_ptr<const controller::MetadataImage> now = std::make_shared<const controller::MetadataImage>();
};

/// Drivers over one partition, on a thread of their own.
struct Coordinator {
  explicit Coordinator(config::Durability durability) : log(durability) { thread.start(); }
  ~Coordinator() {
    log.partition->stop(ErrorCode::not_leader_or_follower);
    loaders.finish();
    thread.stop();
  }

  std::shared_ptr<GroupPartitionDriver> start_driver() {
    auto driver = std::make_shared<GroupPartitionDriver>(log.partition, thread, settings, images, metrics);
    driver->start(loaders);
    return driver;
  }
  template <class Work>
  auto on_thread(Work work) {
    const auto done = std::make_shared<std::promise<decltype(work())>>();
    auto result = done->get_future();
    thread.post([&work, done] { done->set_value(work()); });
    return result.get();
  }
  ErrorCode availability(const std::shared_ptr<GroupPartitionDriver>& driver) {
    return on_thread([&] { return driver->availability(); });
  }
  Offset fetched(const std::shared_ptr<GroupPartitionDriver>& driver) {
    GroupShard::FetchOfGroup request;
    request.group_id = "g";
    auto& asked = request.topics->emplace_back();
    asked.name = "t";
    asked.partition_indexes = {PartitionId{0}};
    return on_thread([&] { return driver->shard().fetch(request).topics.front().partitions.front().committed_offset; });
  }

  PartitionHarness log;
  config::GroupSettings settings;
  Images images;
  metrics::GroupMetrics metrics;
  BlockingPool loaders{1, "test-loader"};
  IoThread thread{0};
};

}  // namespace

TEST_CASE("a commit is answered and seen when it is synced", "[group]") {
  Coordinator it{config::Durability::fsync};
  const auto driver = it.start_driver();
  std::atomic<int> answered{0};
  std::atomic<bool> too_early{false};
  for (int i = 1; i <= 100; ++i) {
    it.thread.post([&, i] {
      driver->commit(commit_of(i), 8, [&, i](const protocol::OffsetCommitResponse& response) {
        if (response.topics.front().partitions.front().error_code != ErrorCode::none) too_early = true;
        if (it.log.partition->log().synced_end_offset() < Offset{i}) too_early = true;
        ++answered;
      });
    });
  }
  CHECK(eventually([&] { return answered == 100; }));
  CHECK_FALSE(too_early);
  CHECK(it.fetched(driver) == Offset{100});
}

TEST_CASE("a coordinator that starts over a log knows what was committed", "[group]") {
  Coordinator it{config::Durability::os};
  const auto first = it.start_driver();
  std::atomic<int> answered{0};
  for (int i = 1; i <= 3; ++i) {
    it.thread.post([&, i] { first->commit(commit_of(i), 8, [&](const auto&) { ++answered; }); });
  }
  REQUIRE(eventually([&] { return answered == 3; }));
  CHECK(it.metrics.offset_commits_total.value() == 3);
  CHECK(it.metrics.offset_commit_latency.snapshot().count() == 3);
  CHECK(it.metrics.loaded_records_total.value() == 0);
  const auto second = it.start_driver();
  CHECK(eventually([&] { return it.availability(second) == ErrorCode::none; }));
  CHECK(it.fetched(second) == Offset{3});
  CHECK(it.metrics.loaded_records_total.value() == 3);
  CHECK(it.metrics.load_latency.snapshot().count() == 1);
  CHECK(it.on_thread([&] { return second->shard().census().offsets; }) == 1);
}

TEST_CASE("until the log is loaded, and after the end, there is no coordinator", "[group]") {
  Coordinator it{config::Durability::os};
  REQUIRE(it.log.append(1).has_value());
  const auto driver =
      std::make_shared<GroupPartitionDriver>(it.log.partition, it.thread, it.settings, it.images, it.metrics);
  CHECK(it.availability(driver) == ErrorCode::coordinator_load_in_progress);
  driver->start(it.loaders);
  CHECK(eventually([&] { return it.availability(driver) == ErrorCode::none; }));
  it.on_thread([&] { return driver->stop(), true; });
  CHECK(it.availability(driver) == ErrorCode::not_coordinator);
}

TEST_CASE("who waits to join when the coordinator ends is told to look for another", "[group]") {
  Coordinator it{config::Durability::os};
  const auto driver = it.start_driver();
  std::optional<ErrorCode> answered;
  protocol::JoinGroupRequest request;
  request.group_id = "g";
  request.session_timeout_ms = 10'000;
  request.protocol_type = "consumer";
  request.protocols.emplace_back().name = "range";
  it.on_thread([&] {
    driver->join(request, {.version = 3, .client_id = "c", .client_host = "/127.0.0.1"},
                 [&](const protocol::JoinGroupResponse& response) { answered = response.error_code; });
    const bool at_once = answered.has_value();
    driver->stop();
    return at_once;
  });
  CHECK(answered == ErrorCode::not_coordinator);
}

namespace {

protocol::ConsumerGroupHeartbeatRequest consumer_heartbeat_of(const std::string& member, std::int32_t epoch) {
  protocol::ConsumerGroupHeartbeatRequest request;
  request.group_id = "c";
  request.member_id = member;
  request.member_epoch = epoch;
  if (epoch != 0) return request;
  request.rebalance_timeout_ms = 60'000;
  request.subscribed_topic_names = {"t"};
  request.topic_partitions.emplace();
  return request;
}

/// Sends heartbeats, and says what was answered.
struct Member {
  Coordinator& it;
  std::shared_ptr<GroupPartitionDriver> driver;
  std::string id;

  /// The error, or that nothing was answered in time.
  std::optional<ErrorCode> beat(std::int32_t epoch) {
    const auto answered = std::make_shared<std::atomic<int>>(-1000);
    it.on_thread([&] {
      const auto error = driver->availability();
      if (error != ErrorCode::none) {
        *answered = static_cast<int>(error);
        return true;
      }
      driver->consumer_heartbeat(consumer_heartbeat_of(id, epoch),
                                 {.version = 1, .client_id = "c", .client_host = "/127.0.0.1"},
                                 [answered](const protocol::ConsumerGroupHeartbeatResponse& response) {
                                   *answered = static_cast<int>(response.error_code);
                                 });
      return true;
    });
    if (!eventually([&] { return *answered != -1000; })) return std::nullopt;
    return ErrorCode{static_cast<std::int16_t>(answered->load())};
  }
  bool is_in_group() {
    return it.on_thread([&] {
      const auto* group = driver->shard().find_consumer("c");
      return group != nullptr && group->members().contains(id);
    });
  }
};

const storage::Fault kDiskFull{.operation = storage::Operation::write,
                               .path_contains = ".log",
                               .repeat = storage::Fault::kForever,
                               .error = ENOSPC};

}  // namespace

TEST_CASE("a member of the consumer protocol is told that it is in when that is durable", "[group]") {
  Coordinator it{config::Durability::fsync};
  Member member{it, it.start_driver(), "m"};
  CHECK(member.beat(0) == ErrorCode::none);
  CHECK(it.log.partition->log().synced_end_offset() > Offset{0});
  CHECK(member.is_in_group());

  const auto second = it.start_driver();
  CHECK(eventually([&] { return it.availability(second) == ErrorCode::none; }));
  CHECK(Member{it, second, "m"}.is_in_group());
}

TEST_CASE("a coordinator that could not write what it had taken in loads its groups anew", "[group]") {
  Coordinator it{config::Durability::os};
  Member first{it, it.start_driver(), "first"};
  Member second{it, first.driver, "second"};
  REQUIRE(first.beat(0) == ErrorCode::none);

  it.log.fs.inject(kDiskFull);
  const auto refused = second.beat(0);
  CHECK((refused && *refused != ErrorCode::none));
  CHECK(it.availability(first.driver) == ErrorCode::coordinator_load_in_progress);

  it.log.fs.clear_faults();
  REQUIRE(eventually([&] { return it.availability(first.driver) == ErrorCode::none; }));
  CHECK(first.is_in_group());
  CHECK_FALSE(second.is_in_group());
  CHECK(second.beat(0) == ErrorCode::none);
}

TEST_CASE("who waits for an append when the groups are loaded anew is told", "[group]") {
  Coordinator it{config::Durability::os};
  const auto driver = it.start_driver();
  it.log.fs.inject(kDiskFull);
  std::atomic<int> refused{0};
  const auto count = [&](ErrorCode error) { refused += error == ErrorCode::none ? 0 : 1; };
  it.on_thread([&] {
    // One turn of the event loop, so one batch: the commit shares the fate of the heartbeat.
    driver->consumer_heartbeat(consumer_heartbeat_of("m", 0), {.version = 1, .client_id = "", .client_host = ""},
                               [&](const auto& response) { count(response.error_code); });
    driver->commit(commit_of(1), 8,
                   [&](const auto& response) { count(response.topics.front().partitions.front().error_code); });
    protocol::JoinGroupRequest request;
    request.group_id = "g";
    request.session_timeout_ms = 10'000;
    request.protocol_type = "consumer";
    request.protocols.emplace_back().name = "range";
    driver->join(request, {.version = 3, .client_id = "c", .client_host = "/127.0.0.1"},
                 [&](const auto& response) { count(response.error_code); });
    return true;
  });
  CHECK(eventually([&] { return refused == 3; }));
  it.log.fs.clear_faults();
  CHECK(eventually([&] { return it.availability(driver) == ErrorCode::none; }));
}

TEST_CASE("a commit that could not be written leaves the other groups alone", "[group]") {
  Coordinator it{config::Durability::os};
  Member member{it, it.start_driver(), "m"};
  REQUIRE(member.beat(0) == ErrorCode::none);
  it.log.fs.inject(kDiskFull);
  std::atomic<int> answered{0};
  it.thread.post([&] {
    member.driver->commit(commit_of(1), 8, [&](const auto& response) {
      answered = response.topics.front().partitions.front().error_code == ErrorCode::none ? 1 : 2;
    });
  });
  CHECK(eventually([&] { return answered == 2; }));
  CHECK(it.availability(member.driver) == ErrorCode::none);
  CHECK(member.is_in_group());
}

TEST_CASE("commits that come together are one append", "[group]") {
  Coordinator it{config::Durability::os};
  const auto driver = it.start_driver();
  std::atomic<int> answered{0};
  it.on_thread([&] {
    for (int i = 1; i <= 10; ++i) driver->commit(commit_of(i), 8, [&](const auto&) { ++answered; });
    return true;
  });
  CHECK(eventually([&] { return answered == 10; }));
  std::vector<std::byte> bytes(1 << 16);
  const auto slice = it.log.partition->log().read(Offset{0}, bytes.size(), Offset{10}, true);
  REQUIRE(slice.has_value());
  bytes.resize(slice->size);
  REQUIRE(slice->read(bytes).has_value());
  record::BatchWalker walker{bytes};
  const auto batch = walker.next();
  REQUIRE(batch);
  CHECK(batch->last_offset() == Offset{9});
  CHECK(it.fetched(driver) == Offset{10});
}

TEST_CASE("an end in the middle of loading is not waited for", "[group]") {
  Coordinator it{config::Durability::os};
  for (int i = 0; i < 20; ++i) REQUIRE(it.log.append(1).has_value());
  const auto driver = it.start_driver();
  it.on_thread([&] { return driver->stop(), true; });
  it.loaders.finish();
  CHECK(it.availability(driver) == ErrorCode::not_coordinator);
}

}  // namespace sluice::broker::group

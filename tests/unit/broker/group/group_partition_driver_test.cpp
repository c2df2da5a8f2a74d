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
    auto driver = std::make_shared<GroupPartitionDriver>(log.partition, thread, settings, images);
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
  const auto second = it.start_driver();
  CHECK(eventually([&] { return it.availability(second) == ErrorCode::none; }));
  CHECK(it.fetched(second) == Offset{3});
}

TEST_CASE("until the log is loaded, and after the end, there is no coordinator", "[group]") {
  Coordinator it{config::Durability::os};
  REQUIRE(it.log.append(1).has_value());
  const auto driver = std::make_shared<GroupPartitionDriver>(it.log.partition, it.thread, it.settings, it.images);
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

}  // namespace sluice::broker::group

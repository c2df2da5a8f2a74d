#pragma once

#include <atomic>
#include <future>
#include <memory>
#include <optional>
#include <string>

#include "broker/controller/controller.hpp"
#include "broker/group/group_partition_driver.hpp"
#include "broker/server/blocking_pool.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/partition_harness.hpp"

namespace sluice::test::driver {

using namespace broker;
using namespace broker::group;
using protocol::ErrorCode;

inline protocol::OffsetCommitRequest commit_of(std::int64_t offset) {
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

inline protocol::ConsumerGroupHeartbeatRequest consumer_heartbeat_of(const std::string& member, std::int32_t epoch) {
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

inline const storage::Fault kDiskFull{.operation = storage::Operation::write,
                                      .path_contains = ".log",
                                      .repeat = storage::Fault::kForever,
                                      .error = ENOSPC};

}  // namespace sluice::test::driver

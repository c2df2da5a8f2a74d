#pragma once

#include <catch2/catch.hpp>
#include <chrono>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "broker/fetch/replica_fetch_reader.hpp"
#include "broker/fetch/replica_fetch_session.hpp"
#include "broker/replication/follower_fetch.hpp"
#include "broker/replication/partition.hpp"
#include "storage/fs/memory_file_system.hpp"
#include "tests/support/batches.hpp"

namespace sluice::test {

using broker::controller::BrokerEpoch;
using broker::controller::PartitionImage;
using broker::fetch::ReplicaFetchSession;
using broker::replication::FollowerFetch;
using broker::replication::Partition;
using broker::replication::PartitionKey;
using protocol::ErrorCode;
using protocol::FetchRequest;
using protocol::FetchResponse;

inline constexpr BrokerId kLeader{1};
inline constexpr BrokerId kFollower{2};

/// A broker's replicas of one topic, over logs in memory. Nothing is synced by itself.
struct ReplicaSide final : broker::replication::SyncQueue, broker::replication::ReplicaEvents {
  ReplicaSide(BrokerId broker, Uuid topic, broker::config::Durability durability)
      : id(broker), topic_id(topic), settings(settings_of(durability)) {}

  static Partition::SettingsPtr settings_of(broker::config::Durability durability) {
    broker::config::TopicSettings settings;
    settings.durability = durability;
    return std::make_shared<const broker::config::TopicSettings>(settings);
  }
  void request(const std::shared_ptr<Partition>& partition) override { to_sync.push_back(partition); }
  void request_by(const std::shared_ptr<Partition>&, Instant) override {}
  void on_isr_change_wanted(const std::shared_ptr<Partition>&) noexcept override {}
  void on_follower_synced(const std::shared_ptr<Partition>& partition) noexcept override {
    synced.push_back({partition->topic_id(), partition->name().partition});
  }

  std::shared_ptr<Partition> add() {
    const PartitionId number{static_cast<std::int32_t>(partitions.size())};
    const auto directory = "/data/t-" + std::to_string(number.value());
    REQUIRE(fs.create_directories("/data").has_value());
    storage::LogOptions options;
    options.segment_index_bytes = 4096;
    std::shared_ptr<storage::Log> log =
        storage::Log::open(resources, directory, options, {.clean_shutdown = true}).value();
    partitions.push_back(std::make_shared<Partition>(
        TopicPartition{"t", number}, topic_id, std::move(log),
        Partition::Surroundings{.this_broker = id, .syncer = *this, .events = *this}, settings, kNoOffset));
    return partitions.back();
  }
  void sync() {
    for (const auto& partition : std::exchange(to_sync, {})) partition->sync_now();
  }

  const BrokerId id;
  const Uuid topic_id;
  const Partition::SettingsPtr settings;
  storage::MemoryFileSystem fs{std::uint64_t{4} << 20};
  storage::LogResources resources{fs};
  std::vector<std::shared_ptr<Partition>> partitions;
  std::vector<std::shared_ptr<Partition>> to_sync;
  std::vector<PartitionKey> synced;
};

/// A leader and a follower, and the two cores between them: the follower's FollowerFetch, the leader's
/// ReplicaFetchSession. No message moves by itself.
struct ReplicaPair {
  using Instant = Partition::Instant;

  explicit ReplicaPair(int partitions, broker::config::Durability durability = broker::config::Durability::os)
      : leader(kLeader, topic_id, durability), follower(kFollower, topic_id, durability) {
    for (int i = 0; i < partitions; ++i) {
      images.push_back({.partition = PartitionId{i},
                        .replicas = {kLeader, kFollower},
                        .isr = {kLeader, kFollower},
                        .leader = kLeader,
                        .leader_epoch = LeaderEpoch{3}});
      leader.add();
      follower.add();
      show(leader, i);
      show(follower, i);
      fetch.add(follower.partitions.back());
    }
  }

  PartitionKey key(int partition) const { return {topic_id, PartitionId{partition}}; }
  void show(ReplicaSide& side, int partition) {
    const auto index = static_cast<std::size_t>(partition);
    REQUIRE(side.partitions[index]->apply(images[index], now).has_value());
  }
  void append(int partition, int records = 1, std::size_t bytes = 10) {
    auto batch = batch_of(records, bytes);
    REQUIRE(leader.partitions[static_cast<std::size_t>(partition)]
                ->append(*record::MutableBatch::parse(batch), kSomeTime)
                .has_value());
  }

  std::optional<FetchRequest> ask() { return fetch.next_request(broker_epoch, now); }

  /// What the leader answers at once.
  FetchResponse serve(const FetchRequest& request, std::int32_t bytes_max = 10 << 20) {
    if (request.session_epoch == 0) {
      session = std::make_unique<ReplicaFetchSession>(++last_session_id,
                                                      ReplicaFetchSession::Member{kFollower, broker_epoch});
    }
    FetchResponse refused;
    refused.error_code = ErrorCode::fetch_session_id_not_found;
    if (!session || (request.session_epoch != 0 && request.session_id != session->id())) return refused;
    const auto find = [&](const PartitionKey& asked) -> std::shared_ptr<Partition> {
      const auto index = static_cast<std::size_t>(asked.partition.value());
      if (asked.topic_id != topic_id || index >= leader.partitions.size() || is_hidden) return nullptr;
      return leader.partitions[index];
    };
    refused.error_code = session->take(request, find, is_stale, now);
    if (refused.error_code != ErrorCode::none) return refused;
    return answer(bytes_max);
  }
  /// What the session has due.
  FetchResponse answer(std::int32_t bytes_max = 10 << 20) {
    const auto targets = session->due(1000);
    looked_at = targets.size();
    auto collected =
        broker::fetch::collect_for_replica(targets, broker::fetch::Reading::in_place, 1, bytes_max, kSomeTime);
    session->note_answered(collected.answered);
    collected.read.response.session_id = session->id();
    return whole(std::move(collected.read));
  }
  /// With the spliced records read: as the follower receives it.
  FetchResponse whole(broker::fetch::Collected read) {
    std::size_t slice = 0;
    for (auto& topic : read.response.responses) {
      for (auto& data : topic.partitions) {
        auto& bytes = received.emplace_back(data.records.size());
        if (data.records.is_spliced()) {
          REQUIRE(read.slices.at(slice++).read(bytes).has_value());
        } else {
          std::ranges::copy(data.records.bytes(), bytes.begin());
        }
        data.records = wire::Records::view(bytes);
      }
    }
    return std::move(read.response);
  }
  bool take(const FetchResponse& response) { return fetch.on_response(response, now, kSomeTime); }

  /// Requests and answers, until there is nothing to tell.
  void settle() {
    for (int round = 0; round < 100; ++round) {
      const auto request = ask();
      if (!request) return;
      const auto response = serve(*request);
      REQUIRE(take(response));
      if (request->topics.empty() && response.responses.empty()) return;
    }
    FAIL("it never settles");
  }
  Offset follower_end(int partition = 0) const {
    return follower.partitions[static_cast<std::size_t>(partition)]->log_end_offset();
  }

  const Uuid topic_id = Uuid::random();
  Instant now{std::chrono::hours{1}};
  BrokerEpoch broker_epoch{7};
  ReplicaSide leader;
  ReplicaSide follower;
  std::vector<PartitionImage> images;
  FollowerFetch fetch{kLeader, {.self = kFollower}};
  std::unique_ptr<ReplicaFetchSession> session;
  std::int32_t last_session_id = 0;
  bool is_hidden = false;  // the leader knows no partition
  bool is_stale = false;
  std::size_t looked_at = 0;
  std::deque<Bytes> received;
};

inline std::size_t named(const FetchRequest& request) {
  std::size_t count = 0;
  for (const auto& topic : request.topics) count += topic.partitions.size();
  return count;
}
inline std::size_t answered(const FetchResponse& response) {
  std::size_t count = 0;
  for (const auto& topic : response.responses) count += topic.partitions.size();
  return count;
}

}  // namespace sluice::test

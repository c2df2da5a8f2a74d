#pragma once

#include <catch2/catch.hpp>
#include <memory>
#include <vector>

#include "broker/metrics/broker_metrics.hpp"
#include "broker/replication/log_syncer.hpp"
#include "broker/replication/partition.hpp"
#include "storage/fs/memory_file_system.hpp"
#include "tests/support/batches.hpp"

namespace sluice::test {

/// For partitions whose replication nobody acts for.
struct NoReplicaEvents final : broker::replication::ReplicaEvents {
  void on_isr_change_wanted(const std::shared_ptr<broker::replication::Partition>&) noexcept override {}
  void on_follower_synced(const std::shared_ptr<broker::replication::Partition>&) noexcept override {}
};

/// A partition with one replica, on `leader`.
inline broker::controller::PartitionImage only_replica(BrokerId leader = BrokerId{1},
                                                       LeaderEpoch leader_epoch = LeaderEpoch{3}) {
  return {.replicas = {leader}, .isr = {leader}, .leader = leader, .leader_epoch = leader_epoch};
}

/// The only replica of a partition, over a log in memory, with a syncer of its own. On broker 1.
struct PartitionHarness {
  using Partition = broker::replication::Partition;

  explicit PartitionHarness(broker::config::Durability durability, BrokerId leader = BrokerId{1}) {
    partition = open("/data/t-0", settings(durability));
    REQUIRE(partition->apply(only_replica(leader), {}).has_value());
  }

  /// Without a role.
  std::shared_ptr<Partition> open(const std::string& directory, Partition::SettingsPtr with) {
    return open(directory, std::move(with), events);
  }
  std::shared_ptr<Partition> open(const std::string& directory, Partition::SettingsPtr with,
                                  broker::replication::ReplicaEvents& told) {
    REQUIRE(fs.create_directories(storage::parent_path(directory)).has_value());
    std::shared_ptr<storage::Log> log = storage::Log::open(resources, directory, {}, {.clean_shutdown = true}).value();
    const Partition::Surroundings surroundings{.this_broker = BrokerId{1}, .syncer = syncer, .events = told};
    return std::make_shared<Partition>(TopicPartition{"t", PartitionId{0}}, Uuid::random(), std::move(log),
                                       surroundings, std::move(with), kNoOffset);
  }

  static Partition::SettingsPtr settings(broker::config::Durability durability) {
    broker::config::TopicSettings settings;
    settings.durability = durability;
    return std::make_shared<const broker::config::TopicSettings>(settings);
  }
  Result<storage::Appended> append(int records = 1) {
    auto bytes = batch_of(records, 10);
    return partition->append(*record::MutableBatch::parse(bytes), kSomeTime);
  }

  storage::MemoryFileSystem fs{std::uint64_t{16} << 20};
  storage::LogResources resources{fs};
  NoReplicaEvents events;
  broker::metrics::BrokerMetrics metrics{{}, {}, "test"};
  broker::replication::LogSyncer syncer{2, metrics};
  std::shared_ptr<Partition> partition;
};

}  // namespace sluice::test

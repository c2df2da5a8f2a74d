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

/// A partition over a log in memory, with a syncer of its own.
struct PartitionHarness {
  using Partition = broker::replication::Partition;

  explicit PartitionHarness(broker::config::Durability durability, BrokerId leader = BrokerId{1}) {
    REQUIRE(fs.create_directories("/data").has_value());
    std::shared_ptr<storage::Log> log =
        storage::Log::open(resources, "/data/t-0", {}, {.clean_shutdown = true}).value();
    partition = std::make_shared<Partition>(TopicPartition{"t", PartitionId{0}}, Uuid::random(), log,
                                            broker::replication::Leadership{leader, LeaderEpoch{3}}, BrokerId{1},
                                            settings(durability), syncer);
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
  broker::metrics::BrokerMetrics metrics{{}, {}, "test"};
  broker::replication::LogSyncer syncer{2, metrics};
  std::shared_ptr<Partition> partition;
};

}  // namespace sluice::test

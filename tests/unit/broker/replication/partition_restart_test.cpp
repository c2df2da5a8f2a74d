#include <catch2/catch.hpp>
#include <optional>

#include "broker/metrics/broker_metrics.hpp"
#include "broker/replication/log_syncer.hpp"
#include "broker/replication/partition.hpp"
#include "storage/fs/memory_file_system.hpp"
#include "tests/support/batches.hpp"
#include "tests/support/partition_harness.hpp"

namespace sluice::broker::replication {
namespace {

/// A partition over a log that was opened after its process was killed: three records, none of them synced.
struct Restarted {
  explicit Restarted(config::Durability durability) {
    REQUIRE(fs.create_directories("/data").has_value());
    const auto before = storage::Log::open(resources, "/data/t-0", {}, {.clean_shutdown = true}).value();
    auto bytes = test::batch_of(3, 10);
    REQUIRE(before->append(*record::MutableBatch::parse(bytes), LeaderEpoch{0}, test::kSomeTime).has_value());
    std::shared_ptr<storage::Log> log = storage::Log::open(resources, "/data/t-0", {}, {}).value();
    config::TopicSettings settings;
    settings.durability = durability;
    const Partition::Surroundings surroundings{.this_broker = BrokerId{1}, .syncer = syncer, .events = events};
    partition =
        std::make_shared<Partition>(TopicPartition{"t", PartitionId{0}}, Uuid::random(), std::move(log), surroundings,
                                    std::make_shared<const config::TopicSettings>(settings), kNoOffset);
    REQUIRE(partition->apply(test::only_replica(BrokerId{1}, LeaderEpoch{0}), {}).has_value());
  }

  storage::MemoryFileSystem fs{std::uint64_t{16} << 20};
  storage::LogResources resources{fs};
  test::NoReplicaEvents events;
  metrics::BrokerMetrics metrics{{}, {}, "test"};
  LogSyncer syncer{1, metrics};
  std::shared_ptr<Partition> partition;
};

}  // namespace

TEST_CASE("with durability fsync nothing that a killed process left unsynced is acknowledged before it is synced",
          "[partition]") {
  Restarted it{config::Durability::fsync};
  REQUIRE(it.partition->log_end_offset() == Offset{3});
  CHECK(it.partition->high_watermark() == Offset{0});
  std::optional<protocol::ErrorCode> told;
  it.partition->when_replicated(Offset{3}, [&](protocol::ErrorCode outcome) { told = outcome; });
  CHECK_FALSE(told.has_value());
  it.partition->make_safe();
  it.syncer.stop();
  CHECK(told == protocol::ErrorCode::none);
  CHECK(it.partition->log().synced_end_offset() == Offset{3});
  CHECK(it.partition->high_watermark() == Offset{3});
}

TEST_CASE("with durability os what a killed process left is readable at once", "[partition]") {
  Restarted it{config::Durability::os};
  CHECK(it.partition->high_watermark() == Offset{3});
}

}  // namespace sluice::broker::replication

#include "broker/replication/log_syncer.hpp"

#include <catch2/catch.hpp>
#include <thread>

#include "tests/support/eventually.hpp"
#include "tests/support/partition_harness.hpp"

namespace sluice::broker::replication {

using config::Durability;
using test::PartitionHarness;

TEST_CASE("stopping finishes the syncs that were asked for", "[log_syncer]") {
  PartitionHarness harness{Durability::fsync};
  for (int i = 0; i < 50; ++i) REQUIRE(harness.append().has_value());
  harness.syncer.stop();
  CHECK(harness.partition->high_watermark() == Offset{50});
  harness.syncer.stop();
}

TEST_CASE("no append is forgotten while appends and syncs race", "[log_syncer]") {
  PartitionHarness harness{Durability::fsync};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 300; ++i) {
        auto bytes = test::batch_of(1, 10);
        (void)harness.partition->append(*record::MutableBatch::parse(bytes), test::kSomeTime);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  // Without a further append: the last request alone must do.
  CHECK(test::eventually([&] { return harness.partition->high_watermark() == Offset{900}; }));
}

TEST_CASE("one sync serves many appends", "[log_syncer]") {
  PartitionHarness harness{Durability::os};
  for (int i = 0; i < 100; ++i) REQUIRE(harness.append().has_value());
  CHECK(harness.partition->log().synced_end_offset() == Offset{0});
  harness.syncer.request(harness.partition);
  CHECK(test::eventually([&] { return harness.partition->log().synced_end_offset() == Offset{100}; }));
}

}  // namespace sluice::broker::replication

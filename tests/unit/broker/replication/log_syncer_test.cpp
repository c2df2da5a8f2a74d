#include "broker/replication/log_syncer.hpp"

#include <catch2/catch.hpp>
#include <future>
#include <thread>

#include "tests/support/eventually.hpp"
#include "tests/support/partition_harness.hpp"

namespace sluice::broker::replication {

using config::Durability;
using test::PartitionHarness;

namespace {

/// Holds the thread that syncs `partition` as a disk that hangs would, from its next acknowledgement on until released.
class HeldSync {
 public:
  explicit HeldSync(PartitionHarness& harness) {
    harness.partition->when_replicated(harness.partition->log_end_offset() + 1, [this](protocol::ErrorCode) {
      reached_.set_value();
      released_.get_future().wait();
    });
    REQUIRE(harness.append().has_value());
    reached_.get_future().wait();
  }
  void release() { released_.set_value(); }

 private:
  std::promise<void> reached_;
  std::promise<void> released_;
};

/// A second partition of the same syncer.
std::shared_ptr<Partition> partition_in(PartitionHarness& harness, const std::string& directory,
                                        Durability durability = Durability::fsync) {
  auto partition = harness.open(directory, PartitionHarness::settings(durability));
  REQUIRE(partition->apply(test::only_replica(), {}).has_value());
  return partition;
}

/// Holds the thread that has synced a follower, once.
struct HangingEvents final : ReplicaEvents {
  void on_isr_change_wanted(const std::shared_ptr<Partition>&) noexcept override {}
  void on_follower_synced(const std::shared_ptr<Partition>&) noexcept override {
    reached.set_value();
    released.get_future().wait();
  }

  std::promise<void> reached;
  std::promise<void> released;
};

void append_to(Partition& partition) {
  auto bytes = test::batch_of(1, 10);
  REQUIRE(partition.append(*record::MutableBatch::parse(bytes), test::kSomeTime).has_value());
}

}  // namespace

TEST_CASE("stopping finishes the syncs that were asked for", "[log_syncer]") {
  PartitionHarness harness{Durability::fsync};
  for (int i = 0; i < 50; ++i) REQUIRE(harness.append().has_value());
  harness.syncer.stop();
  CHECK(harness.partition->high_watermark() == Offset{50});
  harness.syncer.stop();
}

TEST_CASE("a sync that hangs can be seen", "[log_syncer]") {
  PartitionHarness harness{Durability::fsync};
  CHECK_FALSE(harness.syncer.oldest_sync());
  const auto before = std::chrono::steady_clock::now();
  HeldSync held{harness};
  const auto since = harness.syncer.oldest_sync();
  REQUIRE(since);
  CHECK(*since >= before);
  held.release();
  CHECK(test::eventually([&] { return !harness.syncer.oldest_sync(); }));
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

TEST_CASE("what is appended while a sync runs shares the next one", "[log_syncer]") {
  PartitionHarness harness{Durability::fsync};
  HeldSync held{harness};
  for (int i = 0; i < 100; ++i) REQUIRE(harness.append().has_value());
  CHECK(harness.partition->high_watermark() == Offset{1});
  const auto calls = harness.fs.calls();
  held.release();
  harness.syncer.stop();
  CHECK(harness.partition->high_watermark() == Offset{101});
  CHECK(harness.fs.calls() == calls + 1);
}

TEST_CASE("partitions are synced beside each other, as far as there are threads", "[log_syncer]") {
  PartitionHarness harness{Durability::fsync};
  const auto other = partition_in(harness, "/data/t-1");
  HeldSync held{harness};
  append_to(*other);
  CHECK(test::eventually([&] { return other->high_watermark() == Offset{1}; }));
  held.release();
}

TEST_CASE("a disk that hangs holds up no other directory's partitions", "[log_syncer]") {
  PartitionHarness harness{Durability::fsync};
  const auto beside = partition_in(harness, "/data/t-1");
  const auto elsewhere = partition_in(harness, "/more/t-1");
  HeldSync first{harness};
  // The harness' syncer has two threads a directory: this is the other.
  std::promise<void> reached;
  std::promise<void> released;
  beside->when_replicated(Offset{1}, [&](protocol::ErrorCode) {
    reached.set_value();
    released.get_future().wait();
  });
  append_to(*beside);
  reached.get_future().wait();
  append_to(*elsewhere);
  CHECK(test::eventually([&] { return elsewhere->high_watermark() == Offset{1}; }));
  released.set_value();
  first.release();
}

TEST_CASE("logs that are only flushed leave threads to those that are waited for", "[log_syncer]") {
  PartitionHarness harness{Durability::fsync};  // two threads, one of them for flushes
  HangingEvents events;
  const auto flushed = harness.open("/data/t-1", PartitionHarness::settings(Durability::os), events);
  REQUIRE(flushed->apply(test::only_replica(BrokerId{2}), {}).has_value());
  const auto flushed_next = partition_in(harness, "/data/t-2", Durability::os);
  append_to(*flushed_next);
  harness.syncer.request(flushed);
  events.reached.get_future().wait();
  harness.syncer.request(flushed_next);
  REQUIRE(harness.append().has_value());
  CHECK(test::eventually([&] { return harness.partition->high_watermark() == Offset{1}; }));
  CHECK(flushed_next->log().synced_end_offset() == Offset{0});
  events.released.set_value();
  harness.syncer.stop();
  CHECK(flushed_next->log().synced_end_offset() == Offset{1});
}

TEST_CASE("a request that comes after the stop is nobody's", "[log_syncer]") {
  PartitionHarness harness{Durability::fsync};
  harness.syncer.stop();
  REQUIRE(harness.append().has_value());
  CHECK(harness.partition->high_watermark() == Offset{0});
}

}  // namespace sluice::broker::replication

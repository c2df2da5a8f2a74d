#include "broker/replication/partition.hpp"

#include <atomic>
#include <catch2/catch.hpp>
#include <cerrno>
#include <mutex>

#include "tests/support/eventually.hpp"
#include "tests/support/partition_harness.hpp"

namespace sluice::broker::replication {
namespace {

using config::Durability;
using protocol::ErrorCode;
using test::eventually;
using test::PartitionHarness;

struct CountingWaiter final : ProgressWaiter {
  void on_progress() noexcept override { ++count; }
  std::atomic<int> count{0};
};

/// The outcomes that were told, in the order they were.
struct Outcomes {
  Partition::Acknowledge noting(int name) {
    return [this, name](ErrorCode error) {
      const std::lock_guard lock{mutex};
      told.emplace_back(name, error);
    };
  }
  std::size_t count() {
    const std::lock_guard lock{mutex};
    return told.size();
  }
  std::mutex mutex;
  std::vector<std::pair<int, ErrorCode>> told;
};

}  // namespace

TEST_CASE("with durability os the high watermark is the log end at once", "[partition]") {
  PartitionHarness harness{Durability::os};
  REQUIRE(harness.append(3).has_value());
  CHECK(harness.partition->high_watermark() == Offset{3});
  CHECK(harness.partition->log().synced_end_offset() == Offset{0});
}

TEST_CASE("with durability fsync the high watermark follows the sync", "[partition]") {
  PartitionHarness harness{Durability::fsync};
  REQUIRE(harness.append(3).has_value());
  CHECK(eventually([&] { return harness.partition->high_watermark() == Offset{3}; }));
  CHECK(harness.partition->log().synced_end_offset() == Offset{3});
}

TEST_CASE("nothing is acknowledged before it is synced", "[partition]") {
  PartitionHarness harness{Durability::fsync};
  std::atomic<bool> too_early{false};
  std::atomic<int> told{0};
  for (int i = 0; i < 200; ++i) {
    const auto appended = harness.append();
    REQUIRE(appended.has_value());
    const auto end = appended->last_offset + 1;
    harness.partition->when_replicated(end, [&, end](ErrorCode error) {
      if (error != ErrorCode::none || harness.partition->log().synced_end_offset() < end) too_early = true;
      ++told;
    });
  }
  CHECK(eventually([&] { return told == 200; }));
  CHECK_FALSE(too_early);
}

TEST_CASE("who waits for what is replicated already is told at once", "[partition]") {
  PartitionHarness harness{Durability::os};
  REQUIRE(harness.append().has_value());
  Outcomes outcomes;
  harness.partition->when_replicated(Offset{1}, outcomes.noting(1));
  CHECK(outcomes.told == std::vector<std::pair<int, ErrorCode>>{{1, ErrorCode::none}});
}

TEST_CASE("waiters are told in the order of offsets, whatever order they came in", "[partition]") {
  PartitionHarness harness{Durability::os};
  Outcomes outcomes;
  for (const int end : {3, 1, 2, 5}) harness.partition->when_replicated(Offset{end}, outcomes.noting(end));
  CHECK(outcomes.told.empty());
  REQUIRE(harness.append(3).has_value());
  CHECK(outcomes.told ==
        std::vector<std::pair<int, ErrorCode>>{{1, ErrorCode::none}, {2, ErrorCode::none}, {3, ErrorCode::none}});
}

TEST_CASE("a stopped partition fails those who wait, and those who come later", "[partition]") {
  PartitionHarness harness{Durability::os};
  Outcomes outcomes;
  harness.partition->when_replicated(Offset{1}, outcomes.noting(1));
  harness.partition->stop(ErrorCode::unknown_topic_or_partition);
  harness.partition->when_replicated(Offset{1}, outcomes.noting(2));
  CHECK(outcomes.told == std::vector<std::pair<int, ErrorCode>>{{1, ErrorCode::unknown_topic_or_partition},
                                                                {2, ErrorCode::unknown_topic_or_partition}});
  CHECK(harness.partition->check_leadership(kNoLeaderEpoch) == ErrorCode::not_leader_or_follower);
}

TEST_CASE("a failed sync fails everything that is not safe yet", "[partition]") {
  PartitionHarness harness{Durability::fsync};
  REQUIRE(harness.append().has_value());
  REQUIRE(eventually([&] { return harness.partition->high_watermark() == Offset{1}; }));
  storage::Fault fault;
  fault.operation = storage::Operation::sync;
  fault.error = EIO;
  harness.fs.inject(fault);
  REQUIRE(harness.append().has_value());
  Outcomes outcomes;
  harness.partition->when_replicated(Offset{2}, outcomes.noting(1));
  REQUIRE(eventually([&] { return outcomes.count() == 1; }));
  CHECK(outcomes.told[0].second == ErrorCode::kafka_storage_error);
  CHECK(harness.partition->high_watermark() == Offset{1});
  CHECK(harness.append().has_error());
}

TEST_CASE("watchers are woken by progress until they unwatch", "[partition]") {
  PartitionHarness harness{Durability::os};
  CountingWaiter waiter;
  Watch watch;
  watch.waiter = &waiter;
  harness.partition->watch(watch);
  REQUIRE(harness.append().has_value());
  CHECK(waiter.count == 1);
  harness.partition->wake_watchers();
  CHECK(waiter.count == 2);
  harness.partition->unwatch(watch);
  harness.partition->unwatch(watch);
  REQUIRE(harness.append().has_value());
  CHECK(waiter.count == 2);
}

TEST_CASE("a client's leader epoch is compared with the partition's", "[partition]") {
  PartitionHarness harness{Durability::os};
  CHECK(harness.partition->check_leadership(kNoLeaderEpoch) == ErrorCode::none);
  CHECK(harness.partition->check_leadership(LeaderEpoch{3}) == ErrorCode::none);
  CHECK(harness.partition->check_leadership(LeaderEpoch{2}) == ErrorCode::fenced_leader_epoch);
  CHECK(harness.partition->check_leadership(LeaderEpoch{4}) == ErrorCode::unknown_leader_epoch);
  PartitionHarness elsewhere{Durability::os, BrokerId{2}};
  CHECK(elsewhere.partition->check_leadership(LeaderEpoch{3}) == ErrorCode::not_leader_or_follower);
}

TEST_CASE("records are deleted up to the high watermark and no further", "[partition]") {
  PartitionHarness harness{Durability::os};
  for (int i = 0; i < 3; ++i) REQUIRE(harness.append().has_value());
  CHECK(harness.partition->delete_records_before(Offset{2}).value() == Offset{2});
  CHECK(harness.partition->delete_records_before(Offset{1}).value() == Offset{2});
  CHECK(harness.partition->delete_records_before(Offset{3}).value() == Offset{3});
  CHECK(harness.partition->delete_records_before(Offset{4}).error() == storage::Errc::offset_out_of_range);
  CHECK(harness.partition->delete_records_before(Offset{-5}).error() == storage::Errc::offset_out_of_range);
}

TEST_CASE("a topic that stops asking for syncs frees those who wait for one", "[partition]") {
  PartitionHarness harness{Durability::fsync};
  harness.syncer.stop();  // no sync will come
  REQUIRE(harness.append().has_value());
  Outcomes outcomes;
  harness.partition->when_replicated(Offset{1}, outcomes.noting(1));
  CHECK(outcomes.count() == 0);
  harness.partition->set_settings(PartitionHarness::settings(Durability::os));
  CHECK(outcomes.count() == 1);
}

}  // namespace sluice::broker::replication

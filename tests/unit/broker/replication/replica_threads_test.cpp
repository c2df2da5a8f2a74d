#include <atomic>
#include <catch2/catch.hpp>
#include <thread>
#include <vector>

#include "tests/support/eventually.hpp"
#include "tests/support/partition_harness.hpp"

namespace sluice::broker::replication {
namespace {

using config::Durability;
using controller::BrokerEpoch;
using controller::PartitionEpoch;
using controller::PartitionImage;
using protocol::ErrorCode;
using Clock = std::chrono::steady_clock;

PartitionImage image_of(int epoch, bool leads) {
  return {.replicas = {BrokerId{1}, BrokerId{2}},
          .isr = {BrokerId{1}, BrokerId{2}},
          .leader = BrokerId{leads ? 1 : 2},
          .leader_epoch = LeaderEpoch{epoch},
          .partition_epoch = PartitionEpoch{epoch}};
}

struct CountingWaiter final : ProgressWaiter {
  void on_progress() noexcept override { ++count; }
  std::atomic<int> count{0};
};

}  // namespace

// Threads that append, fetch as follower, wait and sync, while the role goes to and fro.
TEST_CASE("who waits is told once, whatever the role does meanwhile, and roles change without delay", "[replica]") {
  const auto durability = GENERATE(Durability::os, Durability::fsync);
  test::PartitionHarness harness{Durability::os};
  const auto partition = harness.open("/data/r-0", test::PartitionHarness::settings(durability));
  REQUIRE(partition->apply(image_of(1, true), Clock::now()).has_value());

  std::atomic<bool> stop{false};
  std::atomic<int> asked{0};
  std::atomic<int> told{0};
  std::atomic<int> acknowledged{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&] {
      while (!stop) {
        auto bytes = test::batch_of(1, 10);
        const auto epoch = partition->leader_epoch();
        const auto appended = partition->append(*record::MutableBatch::parse(bytes), test::kSomeTime);
        if (!appended) {
          std::this_thread::yield();
          continue;
        }
        ++asked;
        partition->when_replicated(
            appended->last_offset + 1,
            [&](ErrorCode outcome) {
              ++told;
              if (outcome == ErrorCode::none) ++acknowledged;
            },
            epoch);
      }
    });
  }
  threads.emplace_back([&] {
    while (!stop) {
      const auto end = partition->log_end_offset();
      (void)partition->note_fetch({BrokerId{2}, BrokerEpoch{1}}, end, Clock::now());
      partition->note_synced(BrokerId{2}, partition->leader_epoch(), end);
      partition->check_isr(Clock::now());
      (void)partition->isr();
    }
  });
  threads.emplace_back([&] {
    CountingWaiter waiter;
    while (!stop) {
      Watch watch;
      watch.waiter = &waiter;
      watch.of_log_end = waiter.count % 2 == 0;
      partition->watch(watch);
      std::this_thread::yield();
      partition->unwatch(watch);
    }
  });

  auto slowest = Clock::duration::zero();
  for (int epoch = 2; epoch < 60; ++epoch) {
    const auto begun = Clock::now();
    REQUIRE(partition->apply(image_of(epoch, epoch % 2 == 1), begun).has_value());
    slowest = std::max(slowest, Clock::now() - begun);
    std::this_thread::sleep_for(std::chrono::milliseconds{2});
  }
  CHECK(test::eventually([&] { return acknowledged > 0; }));  // it leads in the end
  stop = true;
  for (auto& thread : threads) thread.join();
  partition->stop(ErrorCode::not_leader_or_follower);
  CHECK(told == asked);
  CHECK(slowest < std::chrono::seconds{2});
}

}  // namespace sluice::broker::replication

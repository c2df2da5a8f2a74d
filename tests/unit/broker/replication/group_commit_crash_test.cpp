#include <atomic>
#include <catch2/catch.hpp>
#include <thread>
#include <vector>

#include "tests/support/eventually.hpp"
#include "tests/support/partition_harness.hpp"

namespace sluice::broker::replication {
namespace {

using config::Durability;
using protocol::ErrorCode;
using test::eventually;
using test::PartitionHarness;

Partition::SettingsPtr syncing(Durability durability, std::optional<std::int64_t> flush_messages) {
  config::TopicSettings settings;
  settings.durability = durability;
  settings.flush_messages = flush_messages;
  settings.segment_bytes = 4096;  // rolls are among what is interrupted
  return std::make_shared<const config::TopicSettings>(settings);
}

void raise(std::atomic<std::int64_t>& highest, std::int64_t value) {
  auto current = highest.load();
  while (current < value && !highest.compare_exchange_weak(current, value)) {
  }
}

}  // namespace

// Three producers append until the disk stops, somewhere between two calls; then the power goes.
TEST_CASE("no acknowledged record is lost in a power failure, whatever asks for the syncs", "[log_syncer]") {
  const auto seed = GENERATE(range(1, 11));
  const auto durability = GENERATE(Durability::fsync, Durability::os);
  CAPTURE(seed);
  PartitionHarness harness{Durability::os};
  REQUIRE(harness.fs.sync_directory("/").has_value());  // of the data directory's own name
  storage::LogOptions options;
  options.segment_bytes = 4096;
  options.segment_index_bytes = 4096;
  harness.partition->log().set_options(options);
  harness.partition->set_settings(
      syncing(durability, durability == Durability::os ? std::optional<std::int64_t>{1} : std::nullopt));

  std::atomic<std::int64_t> acknowledged{0};
  harness.fs.fail_from(harness.fs.calls() + 100 + static_cast<std::uint64_t>(seed) * 37, EIO);
  std::vector<std::thread> producers;
  for (int i = 0; i < 3; ++i) {
    producers.emplace_back([&] {
      for (;;) {
        auto bytes = test::batch_of(2, 50);
        const auto appended = harness.partition->append(*record::MutableBatch::parse(bytes), test::kSomeTime);
        if (!appended) return;
        const auto end = appended->last_offset + 1;
        harness.partition->when_replicated(end, [&acknowledged, end](ErrorCode outcome) {
          if (outcome == ErrorCode::none) raise(acknowledged, end.value());
        });
      }
    });
  }
  for (auto& producer : producers) producer.join();
  harness.syncer.stop();
  harness.fs.clear_faults();
  harness.fs.crash(seed % 2 == 0 ? storage::CrashPolicy::lose_unsynced : storage::CrashPolicy::random,
                   static_cast<std::uint64_t>(seed));
  const auto recovered = storage::Log::open(harness.resources, "/data/t-0", options, {});
  REQUIRE(recovered.has_value());
  CHECK((*recovered)->log_end_offset() >= Offset{acknowledged.load()});
}

}  // namespace sluice::broker::replication

#include <catch2/catch.hpp>
#include <chrono>
#include <optional>

#include "broker/replication/flush_timer.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/partition_harness.hpp"

namespace sluice::broker::replication {
namespace {

using namespace std::chrono_literals;
using config::Durability;
using test::eventually;
using test::PartitionHarness;

struct FlushLimits {
  std::optional<std::int64_t> messages = std::nullopt;
  std::optional<std::chrono::milliseconds> ms = std::nullopt;
};

Partition::SettingsPtr flushing(const FlushLimits& limits) {
  config::TopicSettings settings;
  settings.durability = Durability::os;
  settings.flush_messages = limits.messages;
  settings.flush_ms = limits.ms;
  return std::make_shared<const config::TopicSettings>(settings);
}

/// A partition that is flushed by the limits alone.
struct FlushedPartition : PartitionHarness {
  explicit FlushedPartition(const FlushLimits& limits) : PartitionHarness{Durability::os} {
    partition->set_settings(flushing(limits));
  }
  Offset synced_end() const { return partition->log().synced_end_offset(); }
};

}  // namespace

TEST_CASE("flush.messages has a log synced once so many records are not", "[flush]") {
  FlushedPartition it{{.messages = 3}};
  REQUIRE(it.append(2).has_value());
  SECTION("not before") {
    it.syncer.stop();
    CHECK(it.synced_end() == Offset{0});
  }
  SECTION("by the record that makes them so many, which is acknowledged at once") {
    REQUIRE(it.append().has_value());
    CHECK(it.partition->high_watermark() == Offset{3});
    CHECK(eventually([&] { return it.synced_end() == Offset{3}; }));
    SECTION("and then counts anew") {
      REQUIRE(it.append(2).has_value());
      it.syncer.stop();
      CHECK(it.synced_end() == Offset{3});
    }
    SECTION("and again by the next") {
      REQUIRE(it.append(3).has_value());
      it.syncer.stop();
      CHECK(it.synced_end() == Offset{6});
    }
  }
}

TEST_CASE("flush.ms has a log synced within its time", "[flush]") {
  FlushedPartition it{{.ms = 5ms}};
  for (int i = 1; i <= 3; ++i) {
    REQUIRE(it.append().has_value());
    CHECK(it.partition->high_watermark() == Offset{i});
    CHECK(eventually([&] { return it.synced_end() == Offset{i}; }));
  }
}

TEST_CASE("flush.ms counts from the first record that is not synced", "[flush]") {
  FlushedPartition it{{.ms = 100ms}};
  REQUIRE(it.append().has_value());
  const auto first = std::chrono::steady_clock::now();
  // Records that keep coming don't put it off.
  while (it.synced_end() == Offset{0} && std::chrono::steady_clock::now() < first + 10s) {
    REQUIRE(it.append().has_value());
    std::this_thread::sleep_for(1ms);
  }
  CHECK(it.synced_end() > Offset{0});
}

TEST_CASE("without limits a log of durability os is synced by nobody", "[flush]") {
  const auto ms =
      GENERATE(as<std::optional<std::chrono::milliseconds>>{}, std::nullopt, std::chrono::milliseconds::max());
  FlushedPartition it{{.ms = ms}};
  for (int i = 0; i < 100; ++i) REQUIRE(it.append().has_value());
  it.syncer.stop();
  CHECK(it.synced_end() == Offset{0});
}

TEST_CASE("new limits hold for what is there already", "[flush]") {
  FlushedPartition it{{.ms = 1h}};
  REQUIRE(it.append(2).has_value());
  SECTION("a shorter time") { it.partition->set_settings(flushing({.ms = 1ms})); }
  SECTION("fewer records") { it.partition->set_settings(flushing({.messages = 2})); }
  SECTION("every record") { it.partition->set_settings(flushing({.messages = 1})); }
  SECTION("durability fsync") { it.partition->set_settings(PartitionHarness::settings(Durability::fsync)); }
  CHECK(eventually([&] { return it.synced_end() == Offset{2}; }));
}

TEST_CASE("with flush.messages 1 nothing is acknowledged before it is synced", "[flush]") {
  FlushedPartition it{{.messages = 1}};
  std::atomic<bool> too_early{false};
  std::atomic<int> told{0};
  for (int i = 0; i < 100; ++i) {
    const auto appended = it.append();
    REQUIRE(appended.has_value());
    it.partition->when_replicated(appended->last_offset + 1, [&, end = appended->last_offset + 1](protocol::ErrorCode) {
      if (it.synced_end() < end) too_early = true;
      ++told;
    });
  }
  CHECK(eventually([&] { return told == 100; }));
  CHECK_FALSE(too_early);
}

TEST_CASE("a partition that is gone when it is due is forgotten", "[flush]") {
  PartitionHarness harness{Durability::os};
  std::atomic<int> called{0};
  FlushTimer timer{[&](const std::shared_ptr<Partition>&) { ++called; }};
  timer.add(harness.partition, std::chrono::steady_clock::now() + 5ms);
  harness.partition.reset();
  PartitionHarness other{Durability::os};
  timer.add(other.partition, std::chrono::steady_clock::now() + 10ms);
  CHECK(eventually([&] { return called == 1; }));
  timer.stop();
  timer.add(other.partition, std::chrono::steady_clock::now());
  CHECK(called == 1);
}

}  // namespace sluice::broker::replication

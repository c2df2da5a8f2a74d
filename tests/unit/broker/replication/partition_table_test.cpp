#include "broker/replication/partition_table.hpp"

#include <catch2/catch.hpp>
#include <cerrno>
#include <cstdio>

#include "broker/replication/log_syncer.hpp"
#include "tests/support/partition_harness.hpp"

namespace sluice::broker::replication {
namespace {

using controller::ConfigMap;
using controller::MetadataDelta;
using controller::PartitionEpoch;
using controller::PartitionImage;
using controller::TopicImage;
using protocol::ErrorCode;
using test::kSomeTime;

constexpr BrokerId kSelf{1};
constexpr BrokerId kOther{2};

void run_in_order(std::vector<std::function<void()>> jobs) {
  for (auto& job : jobs) job();
}

/// A topic as an image has it: every partition alike.
struct Topic {
  int partitions = 1;
  std::vector<BrokerId> replicas{kSelf, kOther};
  BrokerId leader = kSelf;
  int epoch = 0;  // of leader and partition
  ConfigMap configs{};
};

/// Broker 1's partitions, and the metadata that they follow.
struct Table {
  explicit Table(std::uint64_t file_bytes_max = std::uint64_t{16} << 20) : fs{file_bytes_max} { start(); }

  void start() {
    logs = storage::LogManager::open(fs, {"/data"}, {.cluster_id = "c", .node_id = kSelf}).value();
    settings.node_id = kSelf;
    table.emplace(*logs, syncer, events, config, settings);
    const auto options = [](const TopicPartition&) { return std::optional{storage::LogOptions{}}; };
    REQUIRE(logs->load_all(options, kSomeTime, run_in_order).has_value());
  }
  void apply(const Topic& topic) {
    auto image = std::make_shared<TopicImage>(
        TopicImage{.name = "t", .id = id, .internal = false, .partitions = {}, .configs = topic.configs});
    for (int p = 0; p < topic.partitions; ++p) {
      image->partitions.push_back({.partition = PartitionId{p},
                                   .replicas = topic.replicas,
                                   .isr = topic.replicas,
                                   .leader = topic.leader,
                                   .leader_epoch = LeaderEpoch{topic.epoch},
                                   .partition_epoch = PartitionEpoch{topic.epoch}});
    }
    MetadataDelta delta;
    delta.topics.push_back({now, image});
    now = std::move(image);
    table->apply(delta, kSomeTime);
  }
  std::shared_ptr<Partition> find(int partition = 0) const { return table->find("t", PartitionId{partition}); }
  bool has_log(int partition = 0) const { return logs->find({"t", PartitionId{partition}}) != nullptr; }

  storage::MemoryFileSystem fs;
  test::NoReplicaEvents events;
  metrics::BrokerMetrics metrics{{}, {}, "test"};
  LogSyncer syncer{1, metrics};
  config::BrokerConfig config;
  config::BrokerSettings settings;
  std::unique_ptr<storage::LogManager> logs;
  std::optional<PartitionTable> table;
  Uuid id = Uuid::random();
  std::shared_ptr<const TopicImage> now;
};

}  // namespace

TEST_CASE("a broker has the replicas that the metadata gives it", "[partition_table]") {
  Table it;
  it.apply({.replicas = {kOther, BrokerId{3}}, .leader = kOther});
  CHECK(it.find() == nullptr);
  CHECK_FALSE(it.has_log());
  it.apply({.replicas = {kOther, BrokerId{3}, kSelf}, .leader = kOther, .epoch = 1});
  REQUIRE(it.find() != nullptr);
  CHECK(it.has_log());
  CHECK(it.find()->leader() == kOther);
  CHECK(it.find()->fetch_position().has_value());
  const auto removed = it.find();
  it.apply({.replicas = {kOther, BrokerId{3}}, .leader = kOther, .epoch = 2});
  CHECK(it.find() == nullptr);
  CHECK_FALSE(it.has_log());
  CHECK_FALSE(removed->fetch_position().has_value());
  CHECK(it.table->count() == 0);
}

TEST_CASE("partitions lead and follow as the images say", "[partition_table]") {
  Table it;
  it.apply({.partitions = 3});
  CHECK(it.find(2)->is_leader());
  const auto same = it.find(2);
  it.apply({.partitions = 3, .leader = kOther, .epoch = 1});
  CHECK(it.find(2) == same);
  CHECK(same->check_leadership(kNoLeaderEpoch) == ErrorCode::not_leader_or_follower);
  CHECK(same->leader_epoch() == LeaderEpoch{1});
  it.apply({.partitions = 4, .epoch = 2});
  CHECK(same->is_leader());
  CHECK(it.find(3) != nullptr);
}

TEST_CASE("new settings of a topic reach its partitions, and they keep those that are not new", "[partition_table]") {
  Table it;
  it.apply({});
  const auto before = it.find()->settings();
  it.apply({.epoch = 1});
  CHECK(it.find()->settings() == before);
  it.apply({.epoch = 1, .configs = {{"min.insync.replicas", "2"}}});
  CHECK(it.find()->settings()->min_insync_replicas == 2);
}

TEST_CASE("topics go by the dynamic settings of brokers, unless they have their own", "[partition_table]") {
  Table test;
  test.apply({.configs = {{"retention.bytes", "7"}}});
  controller::MetadataImage image;
  image.add_topic(test.now);
  image.set_broker_config(kNoBroker, "min.insync.replicas", "2");
  image.set_broker_config(kNoBroker, "log.retention.bytes", "8");
  image.set_broker_config(kNoBroker, "log.cleanup.policy", "compact");
  test.table->follow_defaults(image);
  const auto settings = test.find()->settings();
  CHECK(settings->min_insync_replicas == 2);
  CHECK(settings->retention_bytes == 7);
  int compacted = 0;
  test.table->for_each_compacted([&](const auto&) { ++compacted; });
  CHECK(compacted == 1);

  test.table->follow_defaults(image);
  CHECK(test.find()->settings() == settings);
  test.apply({.partitions = 2});  // what comes later too
  CHECK(test.find(1)->settings()->min_insync_replicas == 2);
  CHECK(test.find(1)->settings()->retention_bytes == 8);

  SECTION("this broker's own go first, but for min.insync.replicas") {
    image.set_broker_config(kSelf, "log.segment.bytes", "1048577");
    image.set_broker_config(kSelf, "min.insync.replicas", "1");
    test.table->follow_defaults(image);
    CHECK(test.find()->settings()->segment_bytes == 1048577);
    CHECK(test.find()->settings()->min_insync_replicas == 2);
  }
  SECTION("what was started with counts again when they are taken back") {
    image.set_broker_config(kNoBroker, "min.insync.replicas", std::nullopt);
    image.set_broker_config(kNoBroker, "log.cleanup.policy", std::nullopt);
    test.table->follow_defaults(image);
    CHECK(test.find()->settings()->min_insync_replicas == 1);
    compacted = 0;
    test.table->for_each_compacted([&](const auto&) { ++compacted; });
    CHECK(compacted == 0);
  }
}

TEST_CASE("a restarted leader of several replicas begins with the high watermark that was written down",
          "[partition_table]") {
  Table it;
  it.apply({});
  auto bytes = test::batch_of(3, 10);
  const auto append = [&] { REQUIRE(it.find()->append(*record::MutableBatch::parse(bytes), kSomeTime).has_value()); };
  append();
  REQUIRE(it.find()->note_fetch({kOther}, Offset{3}, {}) == ErrorCode::none);
  it.find()->note_synced(kOther, LeaderEpoch{0}, Offset{3});
  it.syncer.stop();
  REQUIRE(it.find()->high_watermark() == Offset{3});
  append();
  REQUIRE(it.logs->close(it.table->high_watermark_lookup(), run_in_order).has_value());
  it.table.reset();
  it.start();
  it.now = nullptr;
  it.apply({.epoch = 1});
  CHECK(it.find()->log_end_offset() == Offset{6});
  CHECK(it.find()->high_watermark() == Offset{3});
  CHECK_FALSE(it.find()->knows_high_watermark());
}

TEST_CASE("a topic that was made anew while the broker was away begins empty", "[partition_table]") {
  Table it;
  it.apply({.replicas = {kSelf}});
  auto bytes = test::batch_of(3, 10);
  REQUIRE(it.find()->append(*record::MutableBatch::parse(bytes), kSomeTime).has_value());
  it.syncer.stop();
  REQUIRE(it.logs->close(it.table->high_watermark_lookup(), run_in_order).has_value());
  it.table.reset();
  it.start();
  it.now = nullptr;
  it.id = Uuid::random();
  it.apply({.replicas = {kSelf}});
  REQUIRE(it.find() != nullptr);
  CHECK(it.find()->log_end_offset() == Offset{0});
  CHECK(it.find()->is_leader());
}

TEST_CASE("records whose topic is not known, its file being damaged, are left as they are and not begun anew",
          "[partition_table]") {
  Table it;
  it.apply({.replicas = {kSelf}});
  auto bytes = test::batch_of(3, 10);
  REQUIRE(it.find()->append(*record::MutableBatch::parse(bytes), kSomeTime).has_value());
  it.syncer.stop();
  REQUIRE(it.logs->close(it.table->high_watermark_lookup(), run_in_order).has_value());
  it.table.reset();
  const auto file = it.fs.open("/data/t-0/partition.metadata", storage::OpenMode::existing).value();
  REQUIRE(file->truncate(5).has_value());
  it.start();
  it.now = nullptr;
  it.apply({.replicas = {kSelf}, .epoch = 1});
  CHECK(it.find() == nullptr);
  REQUIRE(it.has_log());
  CHECK(it.logs->find({"t", PartitionId{0}})->log_end_offset() == Offset{3});
  const std::vector<controller::OfflineReplica> unserved{{.topic_id = it.id, .partition = PartitionId{0}}};
  CHECK(it.table->unserved() == unserved);
  it.apply({.replicas = {kOther}, .leader = kOther, .epoch = 2});
  CHECK(it.table->unserved().empty());
}

TEST_CASE("a replica that finds no room is told of as not served, until a later image finds some",
          "[partition_table]") {
  Table it;
  it.fs.inject({.operation = storage::Operation::create_directories, .path_contains = "t-1", .error = ENOSPC});
  it.apply({.partitions = 2});
  CHECK(it.find(1) == nullptr);
  CHECK(it.table->unserved().size() == 1);
  it.apply({.partitions = 2, .leader = kOther, .epoch = 1});
  CHECK(it.find(1) != nullptr);
  CHECK(it.table->unserved().empty());
}

TEST_CASE("a failed directory's replicas are told of as not served", "[partition_table]") {
  Table it;
  it.apply({.partitions = 2});
  auto bytes = test::batch_of(3, 10);
  REQUIRE(it.find()->append(*record::MutableBatch::parse(bytes), kSomeTime).has_value());
  it.fs.inject({.operation = storage::Operation::sync, .path_contains = ".log", .error = ENOSPC});
  it.find()->sync_now();
  CHECK(it.table->drop_failed_directories() == 2);
  CHECK(it.table->unserved().size() == 2);
  CHECK(it.find() == nullptr);
}

TEST_CASE("thousands of partitions change their leader in a moment", "[.][partition_table_speed]") {
  Table it{1 << 20};
  constexpr int kPartitions = 10'000;
  for (int epoch = 0; epoch < 5; ++epoch) {
    const auto begun = std::chrono::steady_clock::now();
    it.apply({.partitions = kPartitions, .leader = epoch % 2 == 0 ? kSelf : kOther, .epoch = epoch});
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begun;
    std::printf("%d partitions, epoch %d: %.1f ms\n", kPartitions, epoch, took.count());
  }
}

}  // namespace sluice::broker::replication

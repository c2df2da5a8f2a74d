#include <catch2/catch.hpp>
#include <cerrno>
#include <memory>
#include <string>

#include "storage/checkpoint/copy_generation.hpp"
#include "storage/checkpoint/partition_metadata.hpp"
#include "storage/fs/memory_file_system.hpp"
#include "storage/log_manager.hpp"
#include "tests/support/batches.hpp"
#include "tests/support/result_printer.hpp"

namespace sluice::storage {
namespace {

using test::kSomeTime;

const TopicPartition kFirst{"t", PartitionId{0}};
const TopicPartition kSecond{"t", PartitionId{1}};
const TopicPartition kThird{"t", PartitionId{2}};
const Uuid kTopic = Uuid::random();

void run_in_order(std::vector<std::function<void()>> jobs) {
  for (auto& job : jobs) job();
}

/// A manager over three directories in memory, with the first two partitions in the first two of them.
struct Harness {
  MemoryFileSystem fs{std::uint64_t{16} << 20};
  std::vector<std::string> directories{"/a", "/b", "/c"};
  std::unique_ptr<LogManager> logs;
  std::vector<LogManager::Recovered> recovered;

  Result<> try_open() {
    logs.reset();
    auto opened = LogManager::open(fs, directories, {.cluster_id = "cluster", .node_id = BrokerId{1}});
    if (!opened) return opened.error();
    logs = std::move(*opened);
    auto loaded = logs->load_all([](const TopicPartition&) { return LogOptions{}; }, kSomeTime, run_in_order,
                                 [](const TopicPartition&) { return kTopic; });
    if (!loaded) return loaded.error();
    recovered = std::move(*loaded);
    return {};
  }
  void open() { REQUIRE(try_open()); }
  void fill() {
    open();
    append(*create(kFirst));
    append(*create(kSecond));
    close();
  }
  void close() {
    REQUIRE(logs->close({}, run_in_order));
    logs.reset();
  }
  void fail(const std::string& directory) {
    fs.inject({.path_contains = directory, .repeat = Fault::kForever, .error = EIO});
  }
  std::shared_ptr<Log> create(const TopicPartition& partition, const Uuid& topic = kTopic) {
    const auto created = logs->create(partition, topic, {}, kSomeTime);
    REQUIRE(created);
    return *created;
  }
  Result<> try_append(Log& log) const {
    auto bytes = test::batch_of(1, 100);
    const auto appended = log.append(*record::MutableBatch::parse(bytes), LeaderEpoch{0}, kSomeTime);
    return appended ? Result<>{} : Result<>{appended.error()};
  }
  void append(Log& log) const { REQUIRE(try_append(log)); }
  bool offline(std::size_t index) const { return logs->spaces().at(index).offline; }
};

}  // namespace

TEST_CASE("a directory that can't be read at the start is offline alone", "[directories]") {
  Harness harness;
  harness.fill();
  harness.fail("/b");
  harness.open();
  CHECK_FALSE(harness.offline(0));
  CHECK(harness.offline(1));
  CHECK_FALSE(harness.offline(2));
  CHECK(harness.logs->find(kFirst) != nullptr);
  CHECK(harness.logs->find(kSecond) == nullptr);
  CHECK(harness.logs->checkpoint({}));

  SECTION("what may be in it is not begun anew elsewhere, what is new is") {
    const auto known = harness.logs->create(kSecond, kTopic, {}, kSomeTime, LogManager::Novelty::known);
    CHECK(known.error() == Errc::directory_offline);
    CHECK(harness.logs->create(kThird, kTopic, {}, kSomeTime, LogManager::Novelty::fresh));
  }
  SECTION("it is there again with its records when it can be read") {
    harness.close();
    harness.fs.clear_faults();
    harness.open();
    REQUIRE(harness.logs->find(kSecond) != nullptr);
    CHECK(harness.logs->find(kSecond)->log_end_offset() == Offset{1});
  }
}

TEST_CASE("a damaged checkpoint takes its directory offline alone", "[directories]") {
  Harness harness;
  harness.fill();
  REQUIRE(write_file_atomically(harness.fs, "/b/recovery-point-offset-checkpoint", "nonsense"));
  harness.open();
  CHECK(harness.offline(1));
  CHECK(harness.logs->find(kFirst) != nullptr);
  CHECK(harness.logs->find(kSecond) == nullptr);
}

TEST_CASE("without any directory there is no start", "[directories]") {
  Harness harness;
  harness.fill();
  harness.fail("");
  CHECK_FALSE(harness.try_open());
}

TEST_CASE("a directory that is taken out of use, or not mounted, is missed until nobody needs it", "[directories]") {
  Harness harness;
  harness.fill();
  SECTION("it is not among them any more") { harness.directories = {"/a", "/c"}; }
  SECTION("an empty one is in its place") { REQUIRE(harness.fs.rename("/b", "/unmounted")); }
  harness.open();
  CHECK(harness.logs->may_hold_more());
  CHECK(harness.logs->missing_directories() == std::vector<std::string>{"/b"});
  CHECK(harness.logs->create(kSecond, kTopic, {}, kSomeTime, LogManager::Novelty::known).error() ==
        Errc::directory_offline);
  harness.close();
  harness.open();  // still
  CHECK(harness.logs->may_hold_more());
  harness.logs->forget_missing_directories();
  harness.close();
  harness.open();
  CHECK_FALSE(harness.logs->may_hold_more());
}

TEST_CASE("a directory that fails takes all its logs offline at once, and no other", "[directories]") {
  Harness harness;
  harness.open();
  std::vector<std::string> told;
  harness.logs->on_directory_failure([&](const std::string& path, std::error_code) { told.push_back(path); });
  auto first = harness.create(kFirst);
  auto second = harness.create(kSecond);
  harness.create(kThird);
  auto fourth = harness.create({"t", PartitionId{3}});  // in the first again
  harness.append(*first);
  harness.fs.inject({.operation = Operation::sync, .path_contains = "/a/t-0", .error = EIO});
  CHECK_FALSE(first->sync());
  CHECK(told == std::vector<std::string>{"/a"});
  CHECK(harness.try_append(*first).error() == Errc::log_offline);
  CHECK(harness.try_append(*fourth).error() == Errc::log_offline);
  CHECK(harness.try_append(*second));
  CHECK(second->sync());
  CHECK(harness.offline(0));
  CHECK(harness.logs->checkpoint({}));
  CHECK(harness.logs->close({}, run_in_order));
  first = second = fourth = nullptr;  // no log outlives its manager

  harness.open();
  CHECK(harness.recovered.size() == 4);
  CHECK(harness.logs->find(kSecond)->log_end_offset() == Offset{1});
  CHECK_FALSE(harness.logs->clean_shutdown_found());
}

TEST_CASE("new partitions avoid directories that are offline or full", "[directories]") {
  Harness harness;
  harness.fill();
  harness.fail("/b");
  harness.open();
  harness.create(kThird);
  CHECK(harness.logs->directory_of(kThird) == "/c");
  CHECK(harness.logs->wish({"t", PartitionId{3}}, "/a"));
  harness.create({"t", PartitionId{3}});
  CHECK(harness.logs->directory_of({"t", PartitionId{3}}) == "/a");
  CHECK(harness.logs->wish({"t", PartitionId{4}}, "/b").error() == Errc::directory_offline);
  CHECK(harness.logs->wish({"t", PartitionId{4}}, "/d").error() == std::errc::no_such_file_or_directory);
}

TEST_CASE("of copies in two directories the one that was moved last is the partition", "[directories]") {
  Harness harness;
  harness.fill();
  REQUIRE(harness.fs.create_directories("/c/t-0"));
  REQUIRE(write_partition_metadata(harness.fs, "/c/t-0/partition.metadata", {kTopic}));
  REQUIRE(write_copy_generation(harness.fs, "/c/t-0", {.generation = 1}));
  harness.open();
  CHECK(harness.logs->directory_of(kFirst) == "/c");
  CHECK_FALSE(harness.fs.exists("/a/t-0").value());
}

TEST_CASE("a copy that may have been replaced is not served while the directory of the other is away",
          "[directories]") {
  Harness harness;
  harness.fill();
  harness.open();
  const CopyGeneration moving{.generation = 0, .moving_to = harness.logs->directory_id(1)};
  harness.close();
  REQUIRE(write_copy_generation(harness.fs, "/a/t-0", moving));
  SECTION("it is away") {
    harness.fail("/b");
    harness.open();
    CHECK(harness.logs->find(kFirst) == nullptr);
    harness.close();
    harness.fs.clear_faults();
    harness.open();
    CHECK(harness.logs->find(kFirst) != nullptr);
  }
  SECTION("it is there and has no copy") {
    harness.open();
    CHECK(harness.logs->find(kFirst) != nullptr);
    CHECK_FALSE(read_copy_generation(harness.fs, "/a/t-0").value().moving_to);
  }
}

}  // namespace sluice::storage

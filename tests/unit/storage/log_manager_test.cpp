#include "storage/log_manager.hpp"

#include <catch2/catch.hpp>
#include <memory>
#include <string>

#include "storage/fs/memory_file_system.hpp"
#include "tests/support/batches.hpp"
#include "tests/support/result_printer.hpp"
#include "tests/support/temp_directory.hpp"

namespace sluice::storage {
namespace {

using test::kSomeTime;

const TopicPartition kPartition{"t", PartitionId{0}};
const TopicPartition kOther{"t", PartitionId{1}};
const Uuid kTopic = Uuid::random();

void run_in_order(std::vector<std::function<void()>> jobs) {
  for (auto& job : jobs) job();
}

/// A manager over directories in memory, opened and closed as a broker would.
struct Harness {
  MemoryFileSystem fs{std::uint64_t{16} << 20};
  std::vector<std::string> directories{"/data"};
  std::unique_ptr<LogManager> logs;
  std::vector<LogManager::Recovered> recovered;

  Result<> try_open(DirectoryOwner owner = {.cluster_id = "cluster", .node_id = BrokerId{1}}) {
    logs.reset();
    auto opened = LogManager::open(fs, directories, owner);
    if (!opened) return opened.error();
    logs = std::move(*opened);
    return {};
  }
  void open(bool claimed = true) {
    REQUIRE(try_open());
    const auto options = [&](const TopicPartition&) { return claimed ? std::optional{LogOptions{}} : std::nullopt; };
    recovered = logs->load_all(options, kSomeTime, run_in_order).value();
  }
  void close() {
    REQUIRE(logs->close({}, run_in_order));
    logs.reset();
  }
  std::shared_ptr<Log> create(const TopicPartition& partition, const Uuid& topic = kTopic) {
    const auto created = logs->create(partition, topic, {}, kSomeTime);
    REQUIRE(created);
    return *created;
  }
  static void append(Log& log, int batches) {
    for (int i = 0; i < batches; ++i) {
      auto bytes = test::batch_of(1, 100);
      REQUIRE(log.append(*record::MutableBatch::parse(bytes), LeaderEpoch{0}, kSomeTime));
    }
  }
  std::size_t entries_that_contain(const std::string& text) {
    std::size_t count = 0;
    for (const auto& entry : fs.list("/data").value()) count += entry.name.find(text) != std::string::npos;
    return count;
  }
};

}  // namespace

TEST_CASE("a created log is found until it is removed", "[log_manager]") {
  Harness harness;
  harness.open();
  CHECK(harness.logs->find(kPartition) == nullptr);
  const auto log = harness.create(kPartition);
  CHECK(harness.logs->find(kPartition) == log);
  CHECK(harness.logs->topic_id(kPartition) == kTopic);
  REQUIRE(harness.logs->remove(kPartition));
  CHECK(harness.logs->find(kPartition) == nullptr);
  CHECK(harness.logs->topic_id(kPartition).is_zero());
  CHECK(harness.logs->remove(kPartition));  // of one that is not there: nothing to do
}

TEST_CASE("logs are there again after a clean stop, without a scan", "[log_manager]") {
  Harness harness;
  harness.open();
  Harness::append(*harness.create(kPartition), 3);
  harness.close();
  harness.open();
  CHECK(harness.logs->clean_shutdown_found());
  REQUIRE(harness.recovered.size() == 1);
  CHECK(harness.recovered[0].partition == kPartition);
  CHECK_FALSE(harness.recovered[0].report.scanned);
  REQUIRE(harness.logs->find(kPartition) != nullptr);
  CHECK(harness.logs->find(kPartition)->log_end_offset() == Offset{3});
  CHECK(harness.logs->topic_id(kPartition) == kTopic);
}

TEST_CASE("the clean-shutdown mark counts once", "[log_manager]") {
  Harness harness;
  harness.open();
  Harness::append(*harness.create(kPartition), 1);
  harness.close();
  harness.open();
  harness.logs.reset();  // as a crash: no close
  harness.open();
  CHECK_FALSE(harness.logs->clean_shutdown_found());
  CHECK(harness.recovered.at(0).report.scanned);
}

TEST_CASE("after a crash what was synced is there, and a torn tail is cut", "[log_manager]") {
  Harness harness;
  harness.open();
  const auto log = harness.create(kPartition);
  Harness::append(*log, 3);
  REQUIRE(log->sync());
  REQUIRE(harness.logs->checkpoint({}));
  Harness::append(*log, 3);
  harness.logs.reset();
  harness.fs.crash(CrashPolicy::lose_unsynced);
  harness.open();
  CHECK_FALSE(harness.logs->clean_shutdown_found());
  REQUIRE(harness.recovered.size() == 1);
  CHECK_FALSE(harness.recovered[0].error);
  CHECK(harness.logs->find(kPartition)->log_end_offset() == Offset{3});
}

TEST_CASE("a created log survives a crash at once, empty", "[log_manager]") {
  Harness harness;
  harness.open();
  harness.create(kPartition);
  REQUIRE(harness.logs->sync_created());
  harness.logs.reset();
  harness.fs.crash(CrashPolicy::lose_unsynced);
  harness.open();
  REQUIRE(harness.logs->find(kPartition) != nullptr);
  CHECK(harness.logs->topic_id(kPartition) == kTopic);
}

TEST_CASE("logs that are made together are made durable together", "[log_manager]") {
  Harness harness;
  harness.open();
  std::vector<TopicPartition> partitions;
  for (int i = 0; i < 40; ++i) partitions.push_back({"many", PartitionId{i}});
  for (const auto& partition : partitions) harness.create(partition);
  REQUIRE(harness.logs->sync_created());
  harness.logs.reset();
  harness.fs.crash(CrashPolicy::lose_unsynced);
  harness.open();
  for (const auto& partition : partitions) CHECK(harness.logs->topic_id(partition) == kTopic);
}

TEST_CASE("a log that was being made when the power went is made again", "[log_manager]") {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    Harness harness;
    harness.open();
    harness.create(kPartition);
    harness.logs.reset();
    harness.fs.crash(CrashPolicy::random, seed);
    harness.open();
    if (harness.logs->find(kPartition) == nullptr) harness.create(kPartition);
    CHECK(harness.logs->topic_id(kPartition) == kTopic);
    CHECK(harness.logs->find(kPartition)->log_end_offset() == Offset{0});
  }
}

TEST_CASE("a directory of another cluster or another node is refused", "[log_manager]") {
  Harness harness;
  harness.open();
  harness.close();
  CHECK(harness.try_open({.cluster_id = "another", .node_id = BrokerId{1}}).error() == Errc::wrong_directory);
  CHECK(harness.try_open({.cluster_id = "cluster", .node_id = BrokerId{2}}).error() == Errc::wrong_directory);
  CHECK(harness.try_open({.cluster_id = "", .node_id = BrokerId{1}}));
  CHECK(harness.logs->cluster_id() == "cluster");
}

TEST_CASE("directories of two clusters are not used together", "[log_manager]") {
  Harness harness;
  harness.open();
  harness.close();
  harness.directories = {"/more"};
  REQUIRE(harness.try_open({.cluster_id = "another", .node_id = BrokerId{1}}));
  harness.directories = {"/data", "/more"};
  CHECK(harness.try_open({.cluster_id = "", .node_id = BrokerId{1}}).error() == Errc::wrong_directory);
}

TEST_CASE("a new cluster gets an id, which stays", "[log_manager]") {
  Harness harness;
  REQUIRE(harness.try_open({.cluster_id = "", .node_id = BrokerId{1}}));
  const auto id = harness.logs->cluster_id();
  const auto directory_id = harness.logs->directory_id();
  CHECK_FALSE(id.empty());
  CHECK_FALSE(directory_id.is_zero());
  REQUIRE(harness.try_open({.cluster_id = "", .node_id = BrokerId{1}}));
  CHECK(harness.logs->cluster_id() == id);
  CHECK(harness.logs->directory_id() == directory_id);
}

DirectoryOwner unknown_owner(int node) { return {.cluster_id = {}, .node_id = BrokerId{node}, .may_be_unknown = true}; }

TEST_CASE("a cluster id that is not known yet is adopted later, by the same disk", "[log_manager]") {
  Harness harness;
  harness.directories = {"/data", "/more"};
  REQUIRE(harness.try_open(unknown_owner(4)));
  CHECK(harness.logs->cluster_id().empty());
  const auto directory_id = harness.logs->directory_id(1);
  CHECK_FALSE(directory_id.is_zero());

  REQUIRE(harness.try_open(unknown_owner(4)));  // a crash before anything was adopted
  CHECK(harness.logs->cluster_id().empty());
  CHECK(harness.logs->directory_id(1) == directory_id);
  CHECK(harness.try_open(unknown_owner(5)).error() == Errc::wrong_directory);

  REQUIRE(harness.try_open(unknown_owner(4)));
  REQUIRE(harness.logs->adopt_cluster_id("cluster"));
  CHECK(harness.logs->cluster_id() == "cluster");
  CHECK(harness.logs->adopt_cluster_id("cluster"));
  CHECK(harness.logs->adopt_cluster_id("another").error() == Errc::wrong_directory);

  REQUIRE(harness.try_open(unknown_owner(4)));
  CHECK(harness.logs->cluster_id() == "cluster");
  CHECK(harness.logs->directory_id(1) == directory_id);
  CHECK(harness.try_open({.cluster_id = "another", .node_id = BrokerId{4}}).error() == Errc::wrong_directory);
}

TEST_CASE("adopting a cluster id survives a crash wholly or not at all", "[log_manager]") {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    Harness harness;
    harness.directories = {"/data", "/more"};
    REQUIRE(harness.try_open(unknown_owner(4)));
    const auto directory_id = harness.logs->directory_id();
    if (seed % 2 == 0) {
      REQUIRE(harness.logs->adopt_cluster_id("cluster"));
    }
    harness.logs.reset();
    harness.fs.crash(CrashPolicy::random, seed);
    REQUIRE(harness.try_open(unknown_owner(4)));
    CHECK(harness.logs->cluster_id() == (seed % 2 == 0 ? "cluster" : ""));
    CHECK(harness.logs->directory_id() == directory_id);
  }
}

TEST_CASE("a disk that missed the adoption of the cluster id gets it at the next start", "[log_manager]") {
  Harness harness;
  harness.directories = {"/data"};
  REQUIRE(harness.try_open(unknown_owner(4)));
  harness.directories = {"/more"};
  REQUIRE(harness.try_open({.cluster_id = "cluster", .node_id = BrokerId{4}}));
  harness.directories = {"/data", "/more"};
  REQUIRE(harness.try_open(unknown_owner(4)));
  CHECK(harness.logs->cluster_id() == "cluster");
  harness.directories = {"/data"};
  REQUIRE(harness.try_open(unknown_owner(4)));
  CHECK(harness.logs->cluster_id() == "cluster");
}

TEST_CASE("two processes can't hold one directory", "[log_manager]") {
  const test::TempDirectory directory;
  auto& fs = posix_file_system();
  const DirectoryOwner owner{.cluster_id = {}, .node_id = BrokerId{1}};
  auto first = LogManager::open(fs, {directory.path("data")}, owner);
  REQUIRE(first);
  CHECK(LogManager::open(fs, {directory.path("data")}, owner).error() == Errc::directory_locked);
  first->reset();
  CHECK(LogManager::open(fs, {directory.path("data")}, owner));
}

TEST_CASE("a directory that nobody claims is left alone", "[log_manager]") {
  Harness harness;
  harness.open();
  Harness::append(*harness.create(kPartition), 2);
  harness.close();
  harness.open(false);
  CHECK(harness.recovered.empty());
  CHECK(harness.logs->find(kPartition) == nullptr);
  harness.logs->remove_retired(kSomeTime + 1'000'000'000, std::chrono::milliseconds{0});
  harness.close();
  harness.open();
  CHECK(harness.logs->find(kPartition)->log_end_offset() == Offset{2});
}

TEST_CASE("a new topic does not get the records of a forgotten one of its name, which are kept aside",
          "[log_manager]") {
  Harness harness;
  harness.open();
  Harness::append(*harness.create(kPartition), 2);
  harness.close();
  harness.open(false);
  const auto log = harness.create(kPartition, Uuid::random());
  CHECK(log->log_end_offset() == Offset{0});
  CHECK(harness.entries_that_contain("-stray") == 1);
}

TEST_CASE("creating goes on where a crash interrupted it", "[log_manager]") {
  Harness harness;
  harness.open();
  harness.create(kPartition);
  harness.close();
  harness.open(false);
  harness.create(kPartition);  // the same topic
  CHECK(harness.entries_that_contain("-stray") == 0);
  REQUIRE(harness.fs.create_directories("/data/t-1"));
  harness.create(kOther);
  CHECK(harness.entries_that_contain("-stray") == 0);
}

TEST_CASE("removed logs are renamed at once and deleted after their delay", "[log_manager]") {
  using namespace std::chrono_literals;
  Harness harness;
  harness.open();
  harness.create(kPartition);
  REQUIRE(harness.logs->remove(kPartition));
  CHECK(harness.entries_that_contain("-delete") == 1);
  harness.logs->remove_retired(kSomeTime, 1min);
  CHECK(harness.entries_that_contain("-delete") == 1);
  harness.logs->remove_retired(kSomeTime + 59'999, 1min);
  CHECK(harness.entries_that_contain("-delete") == 1);
  harness.logs->remove_retired(kSomeTime + 60'000, 1min);
  CHECK(harness.entries_that_contain("-delete") == 0);
}

TEST_CASE("what was to be deleted is deleted by the next process", "[log_manager]") {
  Harness harness;
  harness.open();
  harness.create(kPartition);
  REQUIRE(harness.logs->remove(kPartition));
  harness.close();
  harness.open();
  CHECK(harness.recovered.empty());
  harness.logs->remove_retired(kSomeTime, std::chrono::milliseconds{0});
  CHECK(harness.entries_that_contain("-delete") == 0);
}

TEST_CASE("a topic may be created again under the name of a removed one", "[log_manager]") {
  Harness harness;
  harness.open();
  Harness::append(*harness.create(kPartition), 2);
  REQUIRE(harness.logs->remove(kPartition));
  const auto id = Uuid::random();
  CHECK(harness.create(kPartition, id)->log_end_offset() == Offset{0});
  CHECK(harness.logs->topic_id(kPartition) == id);
}

TEST_CASE("checkpoints carry log starts and high watermarks over a restart", "[log_manager]") {
  Harness harness;
  harness.open();
  const auto log = harness.create(kPartition);
  Harness::append(*log, 5);
  REQUIRE(log->sync());
  REQUIRE(log->advance_log_start(Offset{2}));
  REQUIRE(harness.logs->checkpoint([](const auto&) { return Offset{4}; }));
  CHECK_FALSE(harness.logs->checkpointed_high_watermark(kPartition).has_value());  // those of the start
  harness.open();
  CHECK(harness.logs->find(kPartition)->log_start_offset() == Offset{2});
  CHECK(harness.logs->checkpointed_high_watermark(kPartition) == Offset{4});
  CHECK_FALSE(harness.logs->checkpointed_high_watermark(kOther).has_value());
}

TEST_CASE("new logs go to the directory with the fewest", "[log_manager]") {
  Harness harness;
  harness.directories = {"/one", "/two"};
  harness.open();
  for (int i = 0; i < 4; ++i) harness.create({"t", PartitionId{i}});
  int in_one = 0;
  harness.logs->for_each([&](const TopicPartition&, const std::shared_ptr<Log>&, const std::string& directory) {
    in_one += directory == "/one";
  });
  CHECK(in_one == 2);
  CHECK(harness.logs->spaces().size() == 2);
}

TEST_CASE("a log that can't be opened is reported, not served and not touched", "[log_manager]") {
  Harness harness;
  harness.open();
  harness.create(kPartition);
  harness.create(kOther);
  harness.close();
  harness.fs.inject({.operation = Operation::list, .path_contains = "/t-0", .repeat = Fault::kForever});
  harness.open();
  REQUIRE(harness.recovered.size() == 2);
  for (const auto& found : harness.recovered) {
    CHECK(static_cast<bool>(found.error) == (found.partition == kPartition));
    CHECK((harness.logs->find(found.partition) == nullptr) == (found.partition == kPartition));
  }
}

TEST_CASE("a close that fails leaves no mark, so that the next start checks the logs", "[log_manager]") {
  Harness harness;
  harness.open();
  const auto log = harness.create(kPartition);
  Harness::append(*log, 1);
  harness.fs.inject({.operation = Operation::sync, .path_contains = ".log"});
  CHECK(harness.logs->close({}, run_in_order).has_error());
  harness.fs.clear_faults();
  harness.open();
  CHECK_FALSE(harness.logs->clean_shutdown_found());
}

TEST_CASE("a log that was cut below its recovery point has no damage after a crash", "[log_manager]") {
  Harness harness;
  harness.open();
  const auto log = harness.create(kPartition);
  harness.append(*harness.create(kOther), 3);
  harness.append(*log, 10);
  REQUIRE(harness.logs->sync_created());
  REQUIRE(log->sync());
  REQUIRE(harness.logs->checkpoint({}));
  CHECK(log->stored_recovery_point() == Offset{10});
  REQUIRE(harness.logs->lower_recovery_point(kPartition, Offset{5}));
  CHECK(log->stored_recovery_point() == Offset{5});
  SECTION("at once") { REQUIRE(log->truncate_to(Offset{5})); }
  SECTION("though a checkpoint came between") {
    REQUIRE(harness.logs->checkpoint({}));
    CHECK(log->stored_recovery_point() == Offset{5});
    REQUIRE(log->truncate_to(Offset{5}));
  }
  SECTION("and what follows was not synced") {
    REQUIRE(log->truncate_to(Offset{5}));
    harness.append(*log, 4);
  }
  SECTION("or was, and counts again") {
    REQUIRE(log->truncate_to(Offset{5}));
    harness.append(*log, 4);
    REQUIRE(log->sync());
    REQUIRE(harness.logs->checkpoint({}));
    CHECK(log->stored_recovery_point() == Offset{9});
    REQUIRE(harness.logs->lower_recovery_point(kPartition, Offset{5}));
    REQUIRE(log->truncate_to(Offset{5}));
  }
  harness.logs.reset();
  harness.fs.crash(CrashPolicy::lose_unsynced);
  harness.open();
  const auto again = harness.logs->find(kPartition);
  REQUIRE(again != nullptr);
  CHECK(again->log_end_offset() == Offset{5});
  CHECK(again->damage().empty());
}

}  // namespace sluice::storage

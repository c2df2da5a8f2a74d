#include <catch2/catch.hpp>
#include <memory>

#include "storage/errc.hpp"
#include "storage/fs/memory_file_system.hpp"
#include "storage/log_manager.hpp"
#include "tests/support/batches.hpp"
#include "tests/support/result_printer.hpp"

namespace sluice::storage {
namespace {

using test::kSomeTime;

const TopicPartition kPartition{"t", PartitionId{0}};
const Uuid kTopic = Uuid::random();
constexpr auto kLogFile = "/data/t-0/00000000000000000000.log";

void run_in_order(std::vector<std::function<void()>> jobs) {
  for (auto& job : jobs) job();
}

/// A process after another over the same directories; opening one ends the one before as a crash would.
struct Process {
  explicit Process(std::vector<std::string> log_dirs) : directories(std::move(log_dirs)) {}

  std::vector<LogManager::Recovered> open() {
    logs.reset();
    logs = LogManager::open(fs, directories, {.cluster_id = "cluster", .node_id = BrokerId{1}}).value();
    return logs->load_all([](const TopicPartition&) { return LogOptions{}; }, kSomeTime, run_in_order).value();
  }
  std::uint64_t log_bytes() { return (*fs.open(kLogFile, OpenMode::existing))->size().value(); }
  void damage_second_batch() {
    const std::byte wrong{0xff};
    const auto position = log_bytes() / 4 + record::at::kMagic;
    REQUIRE((*fs.open(kLogFile, OpenMode::existing))->write_at(position, ByteView{&wrong, 1}));
  }

  MemoryFileSystem fs{std::uint64_t{16} << 20};
  std::vector<std::string> directories;
  std::unique_ptr<LogManager> logs;
};

/// A log of four synced batches, the second of them damaged, whose recovery point is past them all.
void make_damaged(Process& process) {
  process.open();
  const auto log = process.logs->create(kPartition, kTopic, {}, kSomeTime).value();
  for (int i = 0; i < 4; ++i) {
    auto bytes = test::batch_of(1, 100);
    REQUIRE(log->append(*record::MutableBatch::parse(bytes), LeaderEpoch{0}, kSomeTime));
  }
  REQUIRE(log->sync());
  REQUIRE(process.logs->checkpoint({}));
  process.damage_second_batch();
}

}  // namespace

TEST_CASE("a log with damage below its recovery point is served but for that, at every start, and never cut",
          "[log_manager]") {
  Process process{{"/data"}};
  make_damaged(process);
  const auto bytes = process.log_bytes();
  for (int start = 0; start < 3; ++start) {
    const auto recovered = process.open();
    REQUIRE(recovered.size() == 1);
    CHECK_FALSE(recovered.front().error);
    const auto log = process.logs->find(kPartition);
    CHECK(log->log_end_offset() == Offset{4});
    CHECK(log->read(Offset{1}, 1000, Offset{4}, true).error() == Errc::corrupt_batch);
    CHECK(log->read(Offset{2}, 1000, Offset{4}, true)->next_offset == Offset{4});
    REQUIRE(process.logs->checkpoint({}));
    if (start == 1) REQUIRE(process.logs->close({}, run_in_order));
    CHECK(process.log_bytes() == bytes);
  }
}

TEST_CASE("a log that was refused is not taken up again as a new one of its topic", "[log_manager]") {
  Process process{{"/data"}};
  make_damaged(process);
  const auto bytes = process.log_bytes();
  process.fs.inject({.operation = Operation::open, .path_contains = kLogFile, .error = EACCES});
  CHECK(process.open().front().error == std::errc::permission_denied);
  CHECK(process.logs->create(kPartition, kTopic, {}, kSomeTime).error() == std::errc::permission_denied);
  CHECK(process.logs->find(kPartition) == nullptr);
  CHECK(process.log_bytes() == bytes);
}

TEST_CASE("of two copies of a partition in two directories neither is served", "[log_manager]") {
  Process process{{"/data", "/other"}};
  process.open();
  REQUIRE(process.logs->create(kPartition, kTopic, {}, kSomeTime));
  REQUIRE(process.fs.create_directories("/other/t-0"));
  const auto recovered = process.open();
  REQUIRE(recovered.size() == 2);
  CHECK(recovered[0].error == Errc::wrong_directory);
  CHECK(recovered[1].error == Errc::wrong_directory);
  CHECK(process.logs->find(kPartition) == nullptr);
}

}  // namespace sluice::storage

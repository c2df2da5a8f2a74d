#include "storage/data_directory/data_directory.hpp"

#include <catch2/catch.hpp>

#include "storage/errc.hpp"
#include "storage/fs/memory_file_system.hpp"
#include "tests/support/result_printer.hpp"

namespace sluice::storage {
namespace {

MetaProperties meta(std::int32_t node) { return {"cluster", BrokerId{node}, Uuid::random()}; }

}  // namespace

TEST_CASE("a directory is made, and knows no owner before it is claimed", "[data_directory]") {
  MemoryFileSystem fs;
  auto directory = DataDirectory::open(fs, "/deep/down").value();
  CHECK_FALSE(directory.meta().has_value());
  const auto owner = meta(1);
  REQUIRE(directory.claim(owner));
  CHECK(directory.meta() == owner);
  CHECK(DataDirectory::open(fs, "/deep/down").value().meta() == owner);
}

TEST_CASE("a claim is durable", "[data_directory]") {
  MemoryFileSystem fs;
  const auto owner = meta(1);
  REQUIRE(DataDirectory::open(fs, "/data").value().claim(owner));
  fs.crash(CrashPolicy::lose_unsynced);
  CHECK(DataDirectory::open(fs, "/data").value().meta() == owner);
}

TEST_CASE("the clean-shutdown mark is taken once", "[data_directory]") {
  MemoryFileSystem fs;
  auto directory = DataDirectory::open(fs, "/data").value();
  CHECK(directory.take_clean_shutdown().value() == false);
  REQUIRE(directory.leave_clean_shutdown());
  CHECK(directory.take_clean_shutdown().value() == true);
  CHECK(directory.take_clean_shutdown().value() == false);
}

TEST_CASE("checkpoints read back; a missing one is empty, a damaged one an error", "[data_directory]") {
  MemoryFileSystem fs;
  auto directory = DataDirectory::open(fs, "/data").value();
  CHECK(directory.read_checkpoint(kRecoveryPointCheckpoint).value().empty());
  const OffsetCheckpoint offsets{{TopicPartition{"t", PartitionId{0}}, Offset{5}}};
  REQUIRE(directory.write_checkpoint(kRecoveryPointCheckpoint, offsets));
  CHECK(directory.read_checkpoint(kRecoveryPointCheckpoint).value() == offsets);
  REQUIRE(write_file_atomically(fs, join_path("/data", kRecoveryPointCheckpoint), "0\nnonsense\n"));
  CHECK(directory.read_checkpoint(kRecoveryPointCheckpoint).error() == Errc::corrupt_checkpoint);
}

TEST_CASE("partitions and what is on its way to deletion are told apart, the rest is not looked at",
          "[data_directory]") {
  MemoryFileSystem fs;
  auto directory = DataDirectory::open(fs, "/data").value();
  const TopicPartition dashed{"with-dash.and.dot", PartitionId{12}};
  const auto retired = retired_name(TopicPartition{"t", PartitionId{0}});
  for (const auto& name : {std::string{"t-0"}, dashed.to_string(), retired, std::string{"no partition"},
                           std::string{"t-0.0123456789abcdef0123456789abcdef-stray"}, std::string{"t-one"}}) {
    REQUIRE(fs.create_directories(join_path("/data", name)));
  }
  REQUIRE(write_file_atomically(fs, "/data/file-7", "no directory"));

  std::vector<TopicPartition> found;
  const auto partitions = directory.partitions().value();
  for (const auto& one : partitions) found.push_back(one.partition);
  std::sort(found.begin(), found.end());
  CHECK(found == std::vector<TopicPartition>{{"t", PartitionId{0}}, dashed});
  CHECK(directory.retired().value() == std::vector<std::string>{join_path("/data", retired)});
}

TEST_CASE("no two retired names are the same", "[data_directory]") {
  const TopicPartition partition{"t", PartitionId{0}};
  CHECK(retired_name(partition) != retired_name(partition));
  CHECK(retired_name(partition).starts_with("t-0."));
  CHECK(retired_name(partition).ends_with("-delete"));
}

}  // namespace sluice::storage

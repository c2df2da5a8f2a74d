#include <catch2/catch.hpp>
#include <filesystem>
#include <stdlib.h>
#include <string>
#include <vector>

#include "storage/checkpoint/checkpoint_file.hpp"
#include "storage/checkpoint/clean_shutdown.hpp"
#include "storage/checkpoint/directory_lock.hpp"
#include "storage/checkpoint/leader_epoch_checkpoint.hpp"
#include "storage/checkpoint/offset_checkpoint.hpp"
#include "storage/checkpoint/partition_metadata.hpp"
#include "storage/errc.hpp"
#include "storage/fs/memory_file_system.hpp"
#include "tests/support/result_printer.hpp"

namespace sluice::storage {
namespace {

void put(FileSystem& fs, const std::string& path, std::string_view content) {
  REQUIRE(write_file_atomically(fs, path, content));
}

TopicPartition partition(std::string topic, std::int32_t index) { return {std::move(topic), PartitionId{index}}; }

}  // namespace

TEST_CASE("a checkpoint's text is a version, a count, and that many lines", "[checkpoint]") {
  CHECK(format_checkpoint({}) == "0\n0\n");
  CHECK(format_checkpoint({"a 1", "b 2"}) == "0\n2\na 1\nb 2\n");
  CHECK(parse_checkpoint("0\n2\na 1\nb 2\n").value() == std::vector<std::string>{"a 1", "b 2"});
  CHECK(parse_checkpoint("0\n0\n").value().empty());
  CHECK(parse_checkpoint("").value().empty());  // as Kafka makes them at first

  for (const auto* odd : {"1\n0\n", "0", "0\n", "\n0\n", "0\n-1\n", "0\nx\n", "0\n 1\na\n", "0\n2\na\n", "0\n1\na\nb\n",
                          "0\n1\n", "0\n99999999999999999999\n", "0\n9999999\na\n", "0\n0\n\n", "x"}) {
    CAPTURE(odd);
    const auto parsed = parse_checkpoint(odd);
    CHECK((!parsed && parsed.error() == Errc::corrupt_checkpoint));
  }
}

TEST_CASE("offsets that Kafka wrote are read", "[checkpoint]") {
  MemoryFileSystem fs;
  put(fs, "/recovery", "0\n3\nwith-dash 0 510\nmy-dashed-topic.v1 0 0\nmy-dashed-topic.v1 1 0\n");
  const OffsetCheckpoint expected{{partition("my-dashed-topic.v1", 0), Offset{0}},
                                  {partition("my-dashed-topic.v1", 1), Offset{0}},
                                  {partition("with-dash", 0), Offset{510}}};
  CHECK(read_offset_checkpoint(fs, "/recovery").value() == expected);
  put(fs, "/start", "0\n1\nwith-dash 0 123\n");
  CHECK(read_offset_checkpoint(fs, "/start").value() == OffsetCheckpoint{{partition("with-dash", 0), Offset{123}}});
  put(fs, "/cleaner", "");
  CHECK(read_offset_checkpoint(fs, "/cleaner").value().empty());
}

TEST_CASE("offsets written are Kafka's bytes and read back", "[checkpoint]") {
  MemoryFileSystem fs;
  const OffsetCheckpoint offsets{{partition("t", 10), Offset{1}},
                                 {partition("t", 9), Offset{0x7fffffffffffffff}},
                                 {partition("a-1", 0), Offset{0}}};
  REQUIRE(write_offset_checkpoint(fs, "/c", offsets));
  CHECK(read_file(fs, "/c").value() == "0\n3\na-1 0 0\nt 9 9223372036854775807\nt 10 1\n");
  CHECK(read_offset_checkpoint(fs, "/c").value() == offsets);
}

TEST_CASE("an odd line of offsets makes the checkpoint corrupt", "[checkpoint]") {
  MemoryFileSystem fs;
  CHECK(read_offset_checkpoint(fs, "/none").error() == std::errc::no_such_file_or_directory);
  for (const std::string line : {"t 0", "t 0 1 2", "t  0 1", " t 0 1", "t 0 1 ", "t x 1", "t 0 -1", "t -1 0",
                                 "t 4294967296 0", "t 0 9223372036854775808", "", "t 0 1\r"}) {
    CAPTURE(line);
    put(fs, "/c", "0\n1\n" + line + "\n");
    CHECK(read_offset_checkpoint(fs, "/c").error() == Errc::corrupt_checkpoint);
  }
  put(fs, "/c", "0\n2\nt 0 1\nt 0 2\n");
  CHECK(read_offset_checkpoint(fs, "/c").error() == Errc::corrupt_checkpoint);
}

TEST_CASE("leader epochs are read as Kafka wrote them and written the same", "[checkpoint]") {
  MemoryFileSystem fs;
  const std::string kafkas = "0\n2\n0 123\n2 500\n";
  put(fs, "/c", kafkas);
  const auto epochs = read_leader_epoch_checkpoint(fs, "/c").value();
  CHECK(epochs == std::vector<EpochStart>{{LeaderEpoch{0}, Offset{123}}, {LeaderEpoch{2}, Offset{500}}});
  REQUIRE(write_leader_epoch_checkpoint(fs, "/c", epochs));
  CHECK(read_file(fs, "/c").value() == kafkas);

  put(fs, "/c", "0\n1\n0 1 2\n");
  CHECK(read_leader_epoch_checkpoint(fs, "/c").error() == Errc::corrupt_checkpoint);
  put(fs, "/c", "0\n1\n-1 0\n");
  CHECK(read_leader_epoch_checkpoint(fs, "/c").error() == Errc::corrupt_checkpoint);
}

TEST_CASE("partition metadata is Kafka's, without a line feed at its end", "[checkpoint]") {
  MemoryFileSystem fs;
  const std::string kafkas = "version: 0\ntopic_id: W7g5p_SzQQ6g6X9bCElL5A";
  put(fs, "/p", kafkas);
  const auto metadata = read_partition_metadata(fs, "/p").value();
  CHECK(metadata.topic_id.to_string() == "W7g5p_SzQQ6g6X9bCElL5A");
  REQUIRE(write_partition_metadata(fs, "/p", metadata));
  CHECK(read_file(fs, "/p").value() == kafkas);
  put(fs, "/p", kafkas + "\n");
  CHECK(read_partition_metadata(fs, "/p").value().topic_id == metadata.topic_id);

  for (const auto* odd :
       {"", "version: 1\ntopic_id: W7g5p_SzQQ6g6X9bCElL5A", "version: 0\ntopic_id: W7g5p", "version: 0",
        "version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAA", "version: 0\ntopic_id: W7g5p_SzQQ6g6X9bCElL5A\n\n"}) {
    CAPTURE(odd);
    put(fs, "/p", odd);
    CHECK(read_partition_metadata(fs, "/p").error() == Errc::corrupt_checkpoint);
  }
}

TEST_CASE("the clean-shutdown marker is Kafka's and its removal is durable", "[checkpoint]") {
  MemoryFileSystem fs;
  CHECK(read_clean_shutdown(fs, "/").value() == std::nullopt);
  REQUIRE(write_clean_shutdown(fs, "/", 137));
  CHECK(read_file(fs, "/.kafka_cleanshutdown").value() == R"({"version":0,"brokerEpoch":137})");
  fs.crash(CrashPolicy::lose_unsynced);
  CHECK(read_clean_shutdown(fs, "/").value() == 137);

  REQUIRE(remove_clean_shutdown(fs, "/"));
  fs.crash(CrashPolicy::lose_unsynced);
  CHECK(read_clean_shutdown(fs, "/").value() == std::nullopt);

  put(fs, "/.kafka_cleanshutdown", "");
  CHECK(read_clean_shutdown(fs, "/").value() == kNoBrokerEpoch);
}

TEST_CASE("one data directory has one lock at a time", "[checkpoint]") {
  std::string directory = (std::filesystem::temp_directory_path() / "sluice-lock-XXXXXX").string();
  REQUIRE(::mkdtemp(directory.data()) != nullptr);
  {
    const auto held = DirectoryLock::acquire(directory);
    REQUIRE(held);
    CHECK(DirectoryLock::acquire(directory).error() == Errc::directory_locked);
  }
  CHECK(DirectoryLock::acquire(directory));
  CHECK(DirectoryLock::acquire(directory + "/none").error() == std::errc::no_such_file_or_directory);
  std::filesystem::remove_all(directory);
}

}  // namespace sluice::storage

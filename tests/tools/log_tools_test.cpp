#include <catch2/catch.hpp>

#include "storage/checkpoint/meta_properties.hpp"
#include "storage/checkpoint/offset_checkpoint.hpp"
#include "tests/support/log_harness.hpp"
#include "tests/support/result_printer.hpp"
#include "tools/log/dump.hpp"
#include "tools/log/partition_check.hpp"

// The offline readers of a partition's files, on logs that the storage layer wrote and on damaged copies of them.

namespace sluice {
namespace {

using test::batch;
using tools::Json;

constexpr auto kLogFile = "/data/t-0/00000000000000000000.log";
constexpr auto kIndexFile = "/data/t-0/00000000000000000000.index";
constexpr auto kTimeIndexFile = "/data/t-0/00000000000000000000.timeindex";

/// A closed log of two segments with index entries.
struct WrittenLog : test::LogHarness {
  WrittenLog() {
    open();
    for (int i = 0; i < 12; ++i) {
      append(batch({{"key", "value " + std::to_string(i), Timestamp{1'700'000'000'000 + i}}, {std::nullopt, "\xff"}}));
      if (i == 7) REQUIRE(log->roll(now).has_value());
    }
    REQUIRE(log->close().has_value());
    log.reset();
  }

  tools::CheckResult verify(const std::string& directory = "/data/t-0") {
    auto result = tools::check_directory(fs, directory, [](std::uint64_t) {});
    REQUIRE(result.has_value());
    return std::move(*result);
  }
  void flip(const std::string& path, std::uint64_t position) {
    auto file = fs.open(path, storage::OpenMode::existing);
    REQUIRE(file.has_value());
    std::byte byte{};
    REQUIRE((*file)->read_at(position, MutableBytes{&byte, 1}).has_value());
    byte ^= std::byte{1};
    REQUIRE((*file)->write_at(position, ByteView{&byte, 1}).has_value());
  }
  void cut(const std::string& path, std::uint64_t bytes) {
    auto file = fs.open(path, storage::OpenMode::existing);
    REQUIRE(file.has_value());
    REQUIRE((*file)->truncate(*(*file)->size() - bytes).has_value());
  }
  std::vector<Json> dump(const std::string& path, bool records = false) {
    std::vector<Json> items;
    const auto sink = [&](const Json& item) { items.push_back(item); };
    REQUIRE(tools::dump_file(fs, path, {.records = records}, sink).has_value());
    return items;
  }
};

TEST_CASE("a log that was closed verifies without a problem", "[tools]") {
  WrittenLog written;
  const auto result = written.verify();
  CHECK(result.problems.empty());
  CHECK(result.segments == 2);
  CHECK(result.batches == 12);
  CHECK(result.records == 24);
  CHECK(result.missing_offsets == 0);
}

TEST_CASE("a data directory verifies all of its partitions", "[tools]") {
  WrittenLog written;
  const auto result = written.verify("/data");
  CHECK(result.partitions == 1);
  CHECK(result.problems.empty());
}

TEST_CASE("a flipped byte in a record is found, with the batch's offset and position", "[tools]") {
  WrittenLog written;
  const auto batches = written.dump(kLogFile);
  const auto position = batches[3]["position"].get<std::uint64_t>();
  written.flip(kLogFile, position + 70);
  const auto result = written.verify();
  REQUIRE(result.problems.size() == 1);
  CHECK(result.problems[0].file == kLogFile);
  CHECK(result.problems[0].offset == 6);
  CHECK(result.problems[0].position == position);
  CHECK(result.problems[0].what.starts_with("CRC does not match"));
  CHECK(result.problems[0].what.ends_with("readable again from offset 8"));
}

TEST_CASE("a torn end is found, and what precedes it is still checked", "[tools]") {
  WrittenLog written;
  written.cut("/data/t-0/00000000000000000016.log", 5);
  const auto result = written.verify();
  REQUIRE(result.problems.size() >= 1);
  CHECK(result.problems[0].offset == 22);
  CHECK(result.batches == 11);
}

TEST_CASE("a base offset that goes back is found though the CRC does not cover it", "[tools]") {
  WrittenLog written;
  const auto position = written.dump(kLogFile)[2]["position"].get<std::uint64_t>();
  written.flip(kLogFile, position + 7);  // offset 4 becomes 5: a gap, then the next batch overlaps
  const auto result = written.verify();
  REQUIRE(result.problems.size() == 1);
  CHECK(result.problems[0].offset == 4);
  CHECK(result.problems[0].position == position);
}

TEST_CASE("an index entry that names no batch is found", "[tools]") {
  WrittenLog written;
  REQUIRE(written.dump(kIndexFile).size() > 1);
  SECTION("by its position") {
    written.flip(kIndexFile, 7);
    const auto result = written.verify();
    REQUIRE(result.problems.size() == 1);
    CHECK(result.problems[0].file == kIndexFile);
  }
  SECTION("by its offset") {
    written.flip(kIndexFile, 3);
    const auto result = written.verify();
    REQUIRE(result.problems.size() == 1);
    CHECK(result.problems[0].what.find("the batch there ends at") != std::string::npos);
  }
  SECTION("by its size") {
    written.cut(kIndexFile, 3);
    CHECK(written.verify().problems.size() == 1);
  }
}

TEST_CASE("a time index entry with another timestamp is found", "[tools]") {
  WrittenLog written;
  written.flip(kTimeIndexFile, 7);
  const auto result = written.verify();
  REQUIRE_FALSE(result.problems.empty());
  CHECK(result.problems[0].file == kTimeIndexFile);
}

TEST_CASE("a missing index is no problem, since it is made again", "[tools]") {
  WrittenLog written;
  REQUIRE(written.fs.remove(kIndexFile).has_value());
  CHECK(written.verify().problems.empty());
}

TEST_CASE("a directory without logs is not verified but not found", "[tools]") {
  test::LogHarness empty;
  const auto result = tools::check_directory(empty.fs, "/data", [](std::uint64_t) {});
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().status == tools::ExitStatus::not_found);
}

TEST_CASE("a dump tells a null key from an empty one, and bytes from text", "[tools]") {
  WrittenLog written;
  const auto items = written.dump(kLogFile, true);
  REQUIRE(items.size() == 3 * 8);
  CHECK(items[0]["records"] == 2);
  CHECK(items[0]["crc_holds"] == true);
  CHECK(items[1]["key"] == "key");
  CHECK(items[1]["value"] == "value 0");
  CHECK(items[1]["timestamp"] == 1'700'000'000'000);
  CHECK(items[2]["key"].is_null());
  CHECK(items[2]["value"]["base64"] == "/w==");
  CHECK(items[2]["offset"] == 1);
}

TEST_CASE("a dump stops at damage and names the position", "[tools]") {
  WrittenLog written;
  written.cut(kLogFile, 1);
  std::size_t batches = 0;
  const auto dumped = tools::dump_file(written.fs, kLogFile, {}, [&](const Json&) { ++batches; });
  REQUIRE_FALSE(dumped.has_value());
  CHECK(batches == 7);
  CHECK(dumped.error().message.find("damaged at position") != std::string::npos);
}

TEST_CASE("every kind of state file is dumped by its name", "[tools]") {
  WrittenLog written;
  CHECK(written.dump("/data/t-0/leader-epoch-checkpoint")[0]["leader_epoch"] == 0);
  CHECK(written.dump(kTimeIndexFile)[0]["timestamp"] == 1'700'000'000'002);
  const storage::MetaProperties meta{.cluster_id = "c", .node_id = BrokerId{3}, .directory_id = {}};
  REQUIRE(storage::write_meta_properties(written.fs, "/data/meta.properties", meta).has_value());
  CHECK(written.dump("/data/meta.properties")[0]["node_id"] == 3);
  const storage::OffsetCheckpoint offsets{{{"t", PartitionId{0}}, Offset{24}}};
  REQUIRE(storage::write_offset_checkpoint(written.fs, "/data/recovery-point-offset-checkpoint", offsets).has_value());
  CHECK(written.dump("/data/recovery-point-offset-checkpoint")[0]["offset"] == 24);
}

TEST_CASE("a file of no known kind is a mistake of usage, a missing one is not found", "[tools]") {
  WrittenLog written;
  const auto ignore = [](const Json&) {};
  REQUIRE(written.fs.open("/data/notes.txt", storage::OpenMode::create).has_value());
  CHECK(tools::dump_file(written.fs, "/data/notes.txt", {}, ignore).error().status == tools::ExitStatus::usage);
  CHECK(tools::dump_file(written.fs, "/data/nothing.log", {}, ignore).error().status == tools::ExitStatus::not_found);
}

}  // namespace
}  // namespace sluice

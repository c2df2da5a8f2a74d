#include "broker/controller/metadata_log_driver.hpp"

#include <catch2/catch.hpp>
#include <cstring>

#include "protocol/record/batch_format.hpp"
#include "storage/errc.hpp"
#include "storage/fs/memory_file_system.hpp"

namespace sluice::broker::controller {
namespace {

constexpr auto kDirectory = "/data/__cluster_metadata-0";
constexpr auto kLogFile = "/data/__cluster_metadata-0/00000000000000000000.log";
constexpr Timestamp kNow{1'000};

/// A metadata log of three batches of a record each.
struct Harness {
  storage::MemoryFileSystem fs{std::uint64_t{16} << 20};
  std::vector<std::uint64_t> starts;  // of the batches in the file

  Harness() {
    REQUIRE(fs.create_directories(kDirectory).has_value());
    REQUIRE(fs.sync_directory("/").has_value());
    REQUIRE(fs.sync_directory("/data").has_value());
    const auto log = MetadataLog::open(fs, kDirectory, kNow, [](const auto&, Offset) {}).value();
    for (const auto* name : {"one", "two", "three"}) {
      const MetadataRecord record = ClusterRecord{name};
      starts.push_back(file_bytes());
      REQUIRE(log->append({&record, 1}, kNow).has_value());
    }
  }
  std::uint64_t file_bytes() { return (*fs.open(kLogFile, storage::OpenMode::existing))->size().value(); }
  void damage(std::uint64_t position) {
    const auto file = fs.open(kLogFile, storage::OpenMode::existing);
    std::byte byte{};
    REQUIRE((*file)->read_at(position, {&byte, 1}).has_value());
    byte ^= std::byte{0xff};
    REQUIRE((*file)->write_at(position, ByteView{&byte, 1}).has_value());
  }
  Result<int> count_records() {
    int count = 0;
    const auto log = MetadataLog::open(fs, kDirectory, kNow, [&](const auto&, Offset) { ++count; });
    if (!log) return {boost::system::in_place_error, log.error()};
    return count;
  }
};

}  // namespace

TEST_CASE("damage in the middle of the metadata log is refused, wherever it hit, and nothing is cut", "[controller]") {
  const auto part = GENERATE(as<std::size_t>{}, record::at::kLength, record::at::kMagic, record::at::kCrc,
                             record::kBatchHeaderBytes + 1);
  Harness it;
  const auto bytes = it.file_bytes();
  it.damage(it.starts[1] + part);
  const auto opened = it.count_records();
  REQUIRE(opened.has_error());
  CHECK(opened.error() == storage::Errc::corrupt_batch);
  CHECK(it.count_records().has_error());
  CHECK(it.file_bytes() == bytes);
}

TEST_CASE("a metadata batch that was being written at the crash is cut", "[controller]") {
  Harness it;
  it.damage(it.starts[2] + record::kBatchHeaderBytes + 1);
  CHECK(it.count_records().value() == 2);
  CHECK(it.file_bytes() == it.starts[2]);
}

TEST_CASE("what an opened metadata log replayed is durable", "[controller]") {
  Harness it;
  CHECK(it.count_records().value() == 3);
  it.fs.crash(storage::CrashPolicy::lose_unsynced);
  CHECK(it.count_records().value() == 3);
}

}  // namespace sluice::broker::controller

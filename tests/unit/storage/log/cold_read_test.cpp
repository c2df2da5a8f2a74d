#include <catch2/catch.hpp>

#include "storage/fs/memory_file_system.hpp"
#include "storage/log/log.hpp"
#include "tests/support/batches.hpp"
#include "tests/support/cold_file_system.hpp"

namespace sluice::storage {
namespace {

using test::Bytes;
constexpr std::size_t kPlenty = std::size_t{1} << 20;

/// A log of several segments whose files can be dropped from the cache.
struct Harness {
  Harness() {
    REQUIRE(disk.create_directories("/data").has_value());
    log = Log::open(resources, "/data/t-0", options, {}).value();
    for (int i = 0; i < 40; ++i) {
      auto bytes = test::batch_of(10, 800);
      REQUIRE(log->append(*record::MutableBatch::parse(bytes), LeaderEpoch{0}, test::kSomeTime).has_value());
    }
    REQUIRE(log->segment_count() > 3);
  }
  void close_and_open() {
    const LogOpening opening{log->log_end_offset(), log->log_start_offset(), true};
    REQUIRE(log->close().has_value());
    log.reset();
    log = Log::open(resources, "/data/t-0", options, opening).value();
  }
  Result<LogSlice> read(ReadMode mode) const {
    return log->read(Offset{15}, 20'000, log->log_end_offset(), true, mode);
  }

  MemoryFileSystem disk{std::uint64_t{16} << 20};
  test::ColdFileSystem fs{disk};
  LogResources resources{fs};
  LogOptions options{.segment_bytes = 64U << 10, .index_interval_bytes = 4096};
  std::unique_ptr<Log> log;
};

}  // namespace

TEST_CASE("a read that must not wait says that headers or indexes are not in memory", "[log]") {
  Harness harness;
  REQUIRE(harness.read(ReadMode::cached_only).has_value());
  SECTION("headers") { harness.fs.drop_cache(); }
  SECTION("indexes") { harness.fs.mappings_cached = false; }
  SECTION("closed files") { harness.close_and_open(); }
  const auto waits = harness.fs.waits_of_this_thread();
  CHECK(harness.read(ReadMode::cached_only).error() == Errc::not_cached);
  CHECK(harness.fs.waits_of_this_thread() == waits);
}

TEST_CASE("a read that must not wait finds what one that may has brought into memory", "[log]") {
  Harness harness;
  const auto hot = harness.read(ReadMode::cached_only);
  harness.fs.drop_cache();
  auto cold = harness.read(ReadMode::may_wait);
  REQUIRE(cold.has_value());
  CHECK(harness.fs.waits_of_this_thread() > 0);
  CHECK_FALSE(cold->is_cached());  // only headers were looked at

  REQUIRE(cold->load().has_value());
  CHECK(cold->is_cached());
  CHECK(cold->position == hot->position);
  CHECK(cold->size == hot->size);
  const auto waits = harness.fs.waits_of_this_thread();
  Bytes copy(cold->size);
  CHECK(cold->read(copy, ReadMode::cached_only).has_value());
  CHECK(harness.fs.waits_of_this_thread() == waits);
}

TEST_CASE("a slice is in memory part by part", "[log]") {
  Harness harness;
  const auto slice = harness.log->read(Offset{0}, kPlenty, harness.log->log_end_offset(), true);
  REQUIRE(slice.has_value());
  REQUIRE(slice->size > 40'000);
  harness.fs.drop_cache();
  REQUIRE(slice->load(16'384, 8'192).has_value());
  CHECK(slice->is_cached(16'384, 8'192));
  CHECK_FALSE(slice->is_cached(0, 4'096));
  CHECK_FALSE(slice->is_cached(24'576));
  CHECK_FALSE(slice->is_cached());
  Bytes copy(slice->size);
  CHECK(slice->read(copy, ReadMode::cached_only).error() == Errc::not_cached);
  CHECK(slice->is_cached(slice->size));  // nothing is left
}

TEST_CASE("records are recent until their log has been silent for a while", "[log]") {
  Harness harness;
  const auto last = harness.log->log_end_offset() - 1;
  CHECK(harness.log->is_recent(last, test::kSomeTime));
  CHECK_FALSE(harness.log->is_recent(last, test::kSomeTime + 60'000));
}

}  // namespace sluice::storage

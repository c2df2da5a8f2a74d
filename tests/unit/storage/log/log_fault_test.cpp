#include <catch2/catch.hpp>
#include <cerrno>

#include "storage/data_directory/directory_health.hpp"
#include "storage/errc.hpp"
#include "tests/support/log_harness.hpp"

namespace sluice::storage {
namespace {

using test::batch_of;
using test::LogHarness;

constexpr auto kLogFile = "/data/t-0/00000000000000000000.log";

void damage(LogHarness& h, std::uint64_t position) {
  auto file = h.fs.open(kLogFile, OpenMode::existing);
  REQUIRE(file.has_value());
  std::byte byte{};
  REQUIRE((*file)->read_at(position, {&byte, 1}).has_value());
  byte ^= std::byte{1};
  REQUIRE((*file)->write_at(position, ByteView{&byte, 1}).has_value());
}

TEST_CASE("a failed sync takes the log offline for good", "[log]") {
  LogHarness h;
  auto& log = h.open();
  h.append(batch_of(1, 10));
  h.fs.inject({.operation = Operation::sync});
  CHECK(log.sync().error() == std::errc::io_error);
  CHECK(log.is_offline());
  CHECK(log.synced_end_offset() == Offset{0});
  CHECK(log.sync().error() == Errc::log_offline);
  CHECK(h.try_append(batch_of(1, 10)).error() == Errc::log_offline);
  CHECK(log.close().error() == Errc::log_offline);
  CHECK(h.read_all().size() == log.size_bytes());
}

TEST_CASE("a disk without room for the leader epochs loses nothing, and the next sync tries again", "[log]") {
  LogHarness h;
  auto& log = h.open();
  h.append(batch_of(1, 10));
  h.fs.inject({.operation = Operation::write, .path_contains = "leader-epoch-checkpoint", .error = ENOSPC});
  CHECK(log.sync().error() == std::errc::no_space_on_device);
  CHECK_FALSE(log.is_offline());
  CHECK(log.synced_end_offset() == Offset{0});
  h.append(batch_of(1, 10));
  CHECK(log.sync().value() == Offset{2});
  CHECK(read_file(h.fs, "/data/t-0/leader-epoch-checkpoint").value().find("0 0") != std::string::npos);
}

TEST_CASE("epochs with batches are in the file though the latest has none yet", "[log]") {
  LogHarness h;
  auto& log = h.open();
  REQUIRE(h.try_append(batch_of(1, 10), LeaderEpoch{3}).has_value());
  REQUIRE(h.try_append(batch_of(1, 10), LeaderEpoch{5}).has_value());
  REQUIRE(log.begin_leader_epoch(LeaderEpoch{6}).has_value());
  SECTION("closed") { h.close_and_open(); }
  SECTION("synced, and killed") {
    REQUIRE(log.sync().has_value());
    h.crash_and_open(CrashPolicy::lose_unsynced);
  }
  CHECK(h.log->latest_leader_epoch() == LeaderEpoch{5});
  CHECK(h.log->leader_epoch_at(Offset{0}) == LeaderEpoch{3});
  CHECK(h.log->leader_epoch_at(Offset{1}) == LeaderEpoch{5});
}

TEST_CASE("a log that can't be relied on takes its directory with it, whatever the system's reason", "[log]") {
  const auto error = GENERATE(as<int>{}, EIO, ENOSPC, EDQUOT, EMFILE);
  LogHarness h;
  DirectoryHealth health{"/data"};
  auto& log = h.open({.health = &health});
  h.append(batch_of(1, 10));
  h.fs.inject({.operation = Operation::sync, .path_contains = ".log", .error = error});
  CHECK_FALSE(log.sync().has_value());
  CHECK(log.is_offline());
  CHECK(health.has_failed());
  CHECK(health.error().value() == error);
}

TEST_CASE("a write that can't be undone takes the log offline, one that can does not", "[log]") {
  LogHarness h;
  auto& log = h.open();
  h.append(batch_of(1, 10));
  const auto before = h.read_all();
  h.fs.inject({.operation = Operation::write, .path_contains = ".log", .error = ENOSPC, .stored_bytes = 20});
  CHECK(h.try_append(batch_of(1, 10)).error() == std::errc::no_space_on_device);
  CHECK_FALSE(log.is_offline());
  CHECK((h.read_all() == before));
  CHECK(h.append(batch_of(1, 10)).base_offset == Offset{1});

  h.fs.inject({.operation = Operation::write, .path_contains = ".log", .stored_bytes = 20});
  h.fs.inject({.operation = Operation::truncate, .path_contains = ".log"});
  CHECK(h.try_append(batch_of(1, 10)).error() == std::errc::io_error);
  CHECK(log.is_offline());
}

TEST_CASE("damage past the recovery point is cut, damage below it never", "[log]") {
  LogHarness h;
  h.open();
  for (int i = 0; i < 4; ++i) h.append(batch_of(1, 10));
  const auto size = h.log->size_bytes() / 4;
  REQUIRE(h.log->sync().has_value());
  h.log.reset();
  damage(h, 2 * size + 65);

  SECTION("past it") {
    auto& log = h.open({.recovery_point = Offset{2}});
    CHECK(log.log_end_offset() == Offset{2});
    CHECK(h.report.tail_bytes_cut == 2 * size);
  }
  SECTION("below it") {
    damage(h, 2 * size + record::at::kMagic);
    CHECK(h.open({.recovery_point = Offset{4}}).log_end_offset() == Offset{4});
    CHECK(h.log->damage().size() == 1);
    CHECK((*h.fs.open(kLogFile, OpenMode::existing))->size().value() == 4 * size);
  }
}

TEST_CASE("indexes are rebuilt when in doubt", "[log]") {
  LogHarness h;
  h.options.segment_bytes = 2000;
  h.open();
  for (int i = 0; i < 40; ++i) h.append(batch_of(1, 60));
  const auto before = h.read_all();
  REQUIRE(h.log->close().has_value());
  const std::string base = "/data/t-0/00000000000000000000";
  const LogOpening opening{Offset{40}, Offset{0}, true};

  SECTION("missing") {
    REQUIRE(h.fs.remove(base + ".index").has_value());
    REQUIRE(h.fs.remove(base + ".timeindex").has_value());
  }
  SECTION("of odd size") { REQUIRE(write_file_atomically(h.fs, base + ".index", "12345").has_value()); }
  SECTION("pointing past the file") {
    REQUIRE(write_file_atomically(h.fs, base + ".index", std::string("\0\0\0\1\0\1\0\0", 8)).has_value());
  }
  h.open(opening);
  CHECK_FALSE(h.report.scanned);
  CHECK((h.read_all() == before));
  CHECK(h.log->find_timestamp(test::kSomeTime)->offset == Offset{0});
  CHECK(read_file(h.fs, base + ".index").value().size() > 8);
}

TEST_CASE("a rotten entry of the offset index hides no record", "[log]") {
  constexpr int kBatches = 12;
  const std::string path = "/data/t-0/00000000000000000000.index";
  LogHarness h;
  h.options.index_interval_bytes = 1;
  h.open();
  for (int i = 0; i < kBatches; ++i) h.append(batch_of(2, 30));
  REQUIRE(h.log->close().has_value());
  h.log.reset();
  const auto sound = read_file(h.fs, path).value();
  REQUIRE(sound.size() >= 8 * (kBatches - 1));
  for (std::size_t bit = 0; bit < sound.size() * 8; ++bit) {
    auto rotten = sound;
    rotten[bit / 8] = static_cast<char>(rotten[bit / 8] ^ (1 << bit % 8));
    REQUIRE(write_file_atomically(h.fs, path, rotten).has_value());
    auto& log = h.open({Offset{2 * kBatches}, Offset{0}, true});
    for (Offset from{0}; from < Offset{2 * kBatches}; from = from + 1) {
      const auto end = std::min(from + 7, log.log_end_offset());
      const auto slice = log.read(from, 250, end, true);
      REQUIRE(slice.has_value());
      CHECK(slice->next_offset <= end);
      CHECK(slice->size <= 250);
      const auto bytes = LogHarness::bytes_of(slice);
      const auto first = record::BatchView::parse(bytes);
      REQUIRE(first.has_value());
      CHECK(first->base_offset() <= from);
      CHECK(first->last_offset() >= from);
    }
  }
}

TEST_CASE("leftovers of an interrupted deletion go", "[log]") {
  LogHarness h;
  h.open();
  h.append(batch_of(1, 10));
  REQUIRE(h.log->close().has_value());
  const std::string leftover = "/data/t-0/00000000000000000007.log.deleted";
  REQUIRE(write_file_atomically(h.fs, leftover, "x").has_value());
  h.open({Offset{1}, Offset{0}, true});
  CHECK_FALSE(h.fs.exists(leftover).value());
}

TEST_CASE("a slice stays readable when its segment is deleted", "[log]") {
  LogHarness h;
  auto& log = h.open();
  h.append(batch_of(2, 10));
  const auto slice = log.read(Offset{0}, 1000, Offset{2}, true);
  const auto before = LogHarness::bytes_of(slice);
  REQUIRE(log.roll(h.now).has_value());
  REQUIRE(log.advance_log_start(Offset{2}).has_value());
  CHECK(log.segment_count() == 1);
  CHECK((LogHarness::bytes_of(slice) == before));
  CHECK(log.read(Offset{0}, 1000, Offset{2}, true).error() == Errc::offset_out_of_range);
}

TEST_CASE("segments roll by size, by age and by the clock", "[log]") {
  LogHarness h;
  h.options.segment_ms = std::chrono::milliseconds{1000};
  auto& log = h.open();
  h.append(batch_of(1, 10));
  h.now = h.now + 1000;
  REQUIRE(log.roll_if_due(h.now).has_value());
  CHECK(log.segment_count() == 1);
  h.now = h.now + 1;
  REQUIRE(log.roll_if_due(h.now).has_value());
  CHECK(log.segment_count() == 2);
  REQUIRE(log.roll_if_due(h.now + 5000).has_value());
  CHECK(log.segment_count() == 2);  // an empty segment does not age
  CHECK(h.try_append(batch_of(1, 2U << 20)).error() == Errc::batch_larger_than_segment);
}

}  // namespace
}  // namespace sluice::storage

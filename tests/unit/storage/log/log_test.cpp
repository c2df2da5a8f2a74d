#include "storage/log/log.hpp"

#include <catch2/catch.hpp>

#include "storage/errc.hpp"
#include "tests/support/log_harness.hpp"

namespace sluice::storage {
namespace {

using test::batch_of;
using test::LogHarness;

TEST_CASE("a new log is empty and starts where it is told to", "[log]") {
  LogHarness h;
  auto& log = h.open({.log_start_offset = Offset{7}});
  CHECK(log.log_start_offset() == Offset{7});
  CHECK(log.log_end_offset() == Offset{7});
  CHECK(log.synced_end_offset() == Offset{7});
  CHECK(log.segment_count() == 1);
  CHECK(h.bytes_of(log.read(Offset{7}, 1000, Offset{100}, true)).empty());
  CHECK(log.read(Offset{6}, 1000, Offset{100}, true).error() == Errc::offset_out_of_range);
  CHECK(log.read(Offset{8}, 1000, Offset{100}, true).error() == Errc::offset_out_of_range);
}

TEST_CASE("an append gives a batch the next offsets and its leader's epoch", "[log]") {
  LogHarness h;
  h.open();
  CHECK(h.append(batch_of(3, 10), LeaderEpoch{4}).last_offset == Offset{2});
  const auto second = h.append(batch_of(2, 10), LeaderEpoch{5});
  CHECK(second.base_offset == Offset{3});
  CHECK(second.last_offset == Offset{4});
  CHECK(h.log->log_end_offset() == Offset{5});

  const auto bytes = h.read_all();
  record::BatchWalker walker{bytes};
  CHECK(walker.next()->partition_leader_epoch() == LeaderEpoch{4});
  const auto last = walker.next();
  CHECK(last->partition_leader_epoch() == LeaderEpoch{5});
  CHECK(last->base_offset() == Offset{3});
  CHECK(last->crc_matches());
  CHECK(h.log->leader_epochs() == std::vector<EpochStart>{{LeaderEpoch{4}, Offset{0}}, {LeaderEpoch{5}, Offset{3}}});
}

TEST_CASE("a read gives whole batches within its bounds", "[log]") {
  LogHarness h;
  auto& log = h.open();
  for (int i = 0; i < 20; ++i) h.append(batch_of(2, 40));
  const auto size = static_cast<std::size_t>(log.size_bytes() / 20);

  SECTION("the first may start below the offset asked for") {
    const auto slice = log.read(Offset{5}, size * 2, Offset{40}, false);
    CHECK(h.base_offsets(h.bytes_of(slice)) == std::vector{Offset{4}, Offset{6}});
    CHECK(slice->next_offset == Offset{8});
  }
  SECTION("none reaches the end") {
    const auto slice = log.read(Offset{4}, 1U << 20, Offset{9}, false);
    CHECK(h.base_offsets(h.bytes_of(slice)) == std::vector{Offset{4}, Offset{6}});
    CHECK(slice->next_offset == Offset{8});
  }
  SECTION("a batch that holds the end is not given at all") {
    CHECK(log.read(Offset{4}, 1U << 20, Offset{5}, true)->empty());
    CHECK(log.read(Offset{4}, 1U << 20, Offset{5}, true)->next_offset == Offset{4});
  }
  SECTION("one too large for the bytes comes only if at least one is wanted") {
    CHECK(log.read(Offset{4}, size - 1, Offset{40}, false)->empty());
    CHECK(h.base_offsets(h.bytes_of(log.read(Offset{4}, 1, Offset{40}, true))) == std::vector{Offset{4}});
  }
  SECTION("every start and length gives what a walk over all of it gives") {
    const auto all = h.read_all();
    for (std::int64_t from = 0; from < 40; ++from) {
      for (std::size_t count = 1; count < 20; ++count) {
        const auto slice = log.read(Offset{from}, size * count + size / 2, Offset{40}, false);
        const auto first = static_cast<std::size_t>(from / 2);
        const auto batches = std::min(count, 20 - first);
        CHECK(h.bytes_of(slice) == test::Bytes(all.begin() + static_cast<std::ptrdiff_t>(first * size),
                                               all.begin() + static_cast<std::ptrdiff_t>((first + batches) * size)));
        CHECK(slice->next_offset == Offset{static_cast<std::int64_t>((first + batches) * 2)});
      }
    }
  }
}

TEST_CASE("a clean stop starts again without a scan and without a change", "[log]") {
  LogHarness h;
  h.options.segment_bytes = 2000;
  h.open();
  for (int i = 0; i < 30; ++i) h.append(batch_of(3, 50));
  const auto before = h.read_all();
  auto& log = h.close_and_open();
  CHECK_FALSE(h.report.scanned);
  CHECK(log.log_end_offset() == Offset{90});
  CHECK(log.synced_end_offset() == Offset{90});
  CHECK(log.segment_count() > 3);
  CHECK((h.read_all() == before));
  h.append(batch_of(1, 50));
  CHECK(log.log_end_offset() == Offset{91});
}

TEST_CASE("a crash loses nothing that was synced", "[log]") {
  LogHarness h;
  h.options.segment_bytes = 2000;
  h.open();
  for (int i = 0; i < 30; ++i) h.append(batch_of(3, 50));
  CHECK(h.log->sync().value() == Offset{90});
  const auto synced = h.read_all();
  for (int i = 0; i < 30; ++i) h.append(batch_of(3, 50));
  auto& log = h.crash_and_open(CrashPolicy::lose_unsynced);
  CHECK(h.report.scanned);
  CHECK(log.log_end_offset() == Offset{90});
  CHECK((h.read_all() == synced));
}

}  // namespace
}  // namespace sluice::storage

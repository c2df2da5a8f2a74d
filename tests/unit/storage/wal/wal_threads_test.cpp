#include <atomic>
#include <filesystem>
#include <thread>

#include "storage/wal/reclaim_thread.hpp"
#include "tests/support/temp_directory.hpp"
#include "tests/unit/storage/wal/wal_harness.hpp"

namespace sluice::storage::wal {
namespace {

using namespace std::chrono_literals;

/// `count` threads that each run `work(index)`, joined at once.
template <class Work>
void run_threads(int count, Work work) {
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) threads.emplace_back([&work, i] { work(i); });
  for (auto& thread : threads) thread.join();
}

TEST_CASE("concurrent writers each find their own writes, in order, and one sync serves many", "[wal][threads]") {
  WalHarness h;
  h.options.segment_bytes = 64U << 10;
  auto& wal = h.open();
  constexpr int kWriters = 8;
  constexpr int kWrites = 200;
  std::atomic<int> failures{0};
  run_threads(kWriters, [&](int writer) {
    const auto own = unit(static_cast<std::uint64_t>(writer));
    for (int i = 1; i <= kWrites; ++i) {
      const auto text = std::to_string(writer) + ' ' + std::to_string(i);
      const auto durability = i % 3 == 0 ? Durability::buffered : Durability::synced;
      const auto written = wal.write_one(own, as_byte_view(text), durability);
      if (!written || *written != Sequence{static_cast<std::uint64_t>(i)}) ++failures;
      if (!wal.write_one(unit(99), as_byte_view(text), Durability::buffered)) ++failures;
    }
  });
  CHECK(failures == 0);
  CHECK(wal.next_sequence(unit(99)) == Sequence{kWriters * kWrites + 1});
  REQUIRE(wal.sync().has_value());
  h.crash(CrashPolicy::lose_unsynced);
  for (int writer = 0; writer < kWriters; ++writer) {
    const auto found = payloads(h.wal->read(unit(static_cast<std::uint64_t>(writer))));
    REQUIRE(found.size() == kWrites);
    for (int i = 1; i <= kWrites; ++i) REQUIRE(found[i - 1] == std::to_string(writer) + ' ' + std::to_string(i));
  }
  CHECK(payloads(h.wal->read(unit(99))).size() == kWriters * kWrites);
}

TEST_CASE("readers, marks and reclaiming beside writers", "[wal][threads]") {
  WalHarness h;
  h.options.segment_bytes = 16U << 10;
  auto& wal = h.open();
  std::atomic<bool> done{false};
  std::atomic<int> failures{0};
  std::atomic<int> reclaimed{0};

  std::thread reader{[&] {
    while (!done) {
      auto entries = wal.read(unit(1));
      auto last = kNoSequence;
      while (true) {
        const auto entry = entries.next();
        if (!entry) ++failures;
        if (!entry || !*entry) break;
        if (last != kNoSequence && (*entry)->sequence < last + 1) ++failures;
        last = (*entry)->sequence;
      }
    }
  }};
  std::thread scanner{[&] {
    while (!done) {
      auto entries = wal.scan();
      while (true) {
        const auto entry = entries.next();
        if (!entry) ++failures;
        if (!entry || !*entry) break;
      }
    }
  }};
  std::thread marker{[&] {
    while (!done) {
      for (std::uint64_t table = 1; table <= 3; ++table) {
        const auto next = wal.next_sequence(unit(table));
        if (next > Sequence{20} && !wal.mark_deleted(unit(table), next - 20)) ++failures;
      }
      const auto freed = wal.reclaim();
      if (!freed) ++failures;
      if (freed && *freed > 0) ++reclaimed;
    }
  }};
  run_threads(3, [&](int writer) {
    const std::string text(100, 'x');
    for (int i = 0; i < 1500 || (reclaimed == 0 && i < 100'000); ++i) {
      if (!wal.write_one(unit(1 + static_cast<std::uint64_t>(writer)), as_byte_view(text), Durability::buffered))
        ++failures;
    }
  });
  done = true;
  reader.join();
  scanner.join();
  marker.join();
  CHECK(failures == 0);
  CHECK(reclaimed > 0);
  const auto before = wal.units();
  h.reopen();
  for (std::size_t i = 0; i < before.size(); ++i) CHECK(h.wal->units()[i].next == before[i].next);
}

TEST_CASE("when the sync fails every writer that waits for it is told", "[wal][threads]") {
  WalHarness h;
  auto& wal = h.open();
  h.write(unit(1), "a");
  h.fs.inject({.operation = Operation::sync, .nth = 20, .repeat = Fault::kForever});
  std::array<std::atomic<int>, 6> acknowledged{};
  run_threads(6, [&](int writer) {
    const auto own = unit(10 + static_cast<std::uint64_t>(writer));
    while (wal.write_one(own, as_byte_view("x"))) ++acknowledged[static_cast<std::size_t>(writer)];
  });
  h.fs.clear_faults();
  h.crash(CrashPolicy::lose_unsynced);
  for (std::uint64_t writer = 0; writer < 6; ++writer)
    CHECK(payloads(h.wal->read(unit(10 + writer))).size() >= static_cast<std::size_t>(acknowledged[writer]));
}

TEST_CASE("the reclaiming thread empties a log on real files, which one process at a time may open", "[wal][threads]") {
  test::TempDirectory directory;
  const Options options{.segment_bytes = 8192};
  auto opened = Wal::open(directory.path("wal"), options);
  REQUIRE(opened.has_value());
  auto& wal = **opened;
  CHECK(Wal::open(directory.path("wal"), options).error() == Errc::locked);
  const std::string text(500, 'x');
  for (int i = 0; i < 100; ++i) REQUIRE(wal.write_one(unit(1), as_byte_view(text), Durability::buffered).has_value());
  {
    ReclaimThread reclaiming{wal, 1h};
    REQUIRE(wal.mark_deleted(unit(1), Sequence{100}).has_value());
    reclaiming.wake();
    for (int i = 0; i < 1000 && wal.size_bytes() > 1000; ++i) std::this_thread::sleep_for(5ms);
  }
  CHECK(wal.size_bytes() < 1000);
  REQUIRE(wal.close().has_value());
  opened->reset();
  auto again = Wal::open(directory.path("wal"), options);
  REQUIRE(again.has_value());
  CHECK((*again)->next_sequence(unit(1)) == Sequence{101});
  std::uint64_t stored = 0;
  for (const auto& file : std::filesystem::directory_iterator{directory.path("wal/log")}) stored += file.file_size();
  CHECK(stored < 4096);
}

}  // namespace
}  // namespace sluice::storage::wal

#include <atomic>
#include <catch2/catch.hpp>
#include <thread>

#include "tests/support/log_harness.hpp"

namespace sluice::storage {
namespace {

/// Many logs that share a bound of four open segments.
struct ManyLogs {
  explicit ManyLogs(int count) {
    REQUIRE(fs.create_directories("/data").has_value());
    for (int i = 0; i < count; ++i) {
      auto log = Log::open(resources, "/data/t-" + std::to_string(i), options, {.clean_shutdown = true});
      REQUIRE(log.has_value());
      logs.push_back(std::move(*log));
    }
  }

  void append(Log& log, int bytes) {
    auto batch = test::batch_of(1, bytes);
    REQUIRE(log.append(*record::MutableBatch::parse(batch), LeaderEpoch{0}, test::kSomeTime).has_value());
  }
  static std::int64_t records(const Log& log) {
    std::int64_t count = 0;
    for (auto from = log.log_start_offset(); from < log.log_end_offset(); ++count) {
      const auto slice = log.read(from, 1, log.log_end_offset(), true);
      REQUIRE(slice.has_value());
      REQUIRE(slice->next_offset == from + 1);
      from = slice->next_offset;
    }
    return count;
  }

  MemoryFileSystem fs{std::uint64_t{1} << 20};
  LogResources resources{fs, 4};
  LogOptions options{.segment_bytes = 4096, .index_interval_bytes = 100, .segment_index_bytes = 1024};
  std::vector<std::unique_ptr<Log>> logs;
};

TEST_CASE("idle logs hold no files open", "[open_segments]") {
  ManyLogs it{20};
  CHECK(it.resources.open_segments.count() == 0);
}

TEST_CASE("segments in use close their files for each other, and nothing is lost by it", "[open_segments]") {
  ManyLogs it{10};
  for (int round = 0; round < 40; ++round) {
    for (auto& log : it.logs) it.append(*log, 60 + round);
  }
  CHECK(it.resources.open_segments.count() <= 4);
  for (const auto& log : it.logs) {
    CHECK(log->segment_count() > 1);
    CHECK(it.records(*log) == 40);
    REQUIRE(log->sync().has_value());
  }
  CHECK(it.resources.open_segments.count() <= 4);
}

TEST_CASE("what was closed and opened again survives a restart as it is", "[open_segments]") {
  ManyLogs it{6};
  for (int round = 0; round < 30; ++round) {
    for (auto& log : it.logs) it.append(*log, 80);
  }
  for (auto& log : it.logs) {
    const auto directory = log->directory();
    REQUIRE(log->close().has_value());
    log.reset();
    RecoveryReport report;
    auto again =
        Log::open(it.resources, directory, it.options, {.recovery_point = Offset{30}, .clean_shutdown = true}, &report);
    REQUIRE(again.has_value());
    CHECK_FALSE(report.scanned);
    CHECK(it.records(**again) == 30);
    it.append(**again, 80);
    CHECK(it.records(**again) == 31);
    CHECK(report.indexes_rebuilt == 0);
    log = std::move(*again);
  }
}

TEST_CASE("a log that goes away leaves no trace among the open ones", "[open_segments]") {
  ManyLogs it{3};
  for (auto& log : it.logs) it.append(*log, 10);
  CHECK(it.resources.open_segments.count() == 3);
  it.logs.erase(it.logs.begin() + 1);
  CHECK(it.resources.open_segments.count() == 2);
}

TEST_CASE("appends, reads and syncs of several threads go on while files are closed under them", "[open_segments]") {
  ManyLogs it{8};
  std::atomic<bool> stop{false};
  std::atomic<int> failures{0};
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < 2; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 300; ++i) {
        auto batch = test::batch_of(1, 50);
        auto& log = *it.logs[(static_cast<std::size_t>(i) * 2 + t) % it.logs.size()];
        if (!log.append(*record::MutableBatch::parse(batch), LeaderEpoch{0}, test::kSomeTime)) ++failures;
        if (i % 16 == 0 && !log.sync()) ++failures;
      }
    });
  }
  threads.emplace_back([&] {
    for (std::size_t i = 0; !stop; ++i) {
      const auto& log = *it.logs[i % it.logs.size()];
      if (log.log_end_offset() == Offset{0}) continue;
      const auto slice = log.read(Offset{0}, 4096, log.log_end_offset(), true);
      std::vector<std::byte> bytes(slice ? slice->size : 0);
      if (!slice || !slice->read(bytes)) ++failures;
    }
  });
  threads[0].join();
  threads[1].join();
  stop = true;
  threads[2].join();
  CHECK(failures == 0);
  for (const auto& log : it.logs) CHECK(it.records(*log) == 75);
}

}  // namespace
}  // namespace sluice::storage

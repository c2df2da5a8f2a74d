#pragma once

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "storage/fs/memory_file_system.hpp"
#include "storage/log/log.hpp"
#include "tests/support/batches.hpp"

namespace sluice::test {

/// A log in memory, with the small conveniences that tests of it share.
struct LogHarness {
  storage::MemoryFileSystem fs{std::uint64_t{16} << 20};
  storage::LogResources resources{fs};
  storage::LogOptions options{.segment_bytes = 1U << 20, .index_interval_bytes = 128, .segment_index_bytes = 4096};
  Timestamp now = kSomeTime;
  storage::RecoveryReport report;
  std::unique_ptr<storage::Log> log;

  LogHarness() {
    REQUIRE(fs.create_directories("/data").has_value());
    REQUIRE(fs.sync_directory("/").has_value());
  }

  Result<> try_open(storage::LogOpening opening = {}) {
    log.reset();
    opening.now = now;
    auto opened = storage::Log::open(resources, "/data/t-0", options, opening, &report);
    if (!opened) return opened.error();
    log = std::move(*opened);
    return {};
  }
  storage::Log& open(storage::LogOpening opening = {}) {
    const auto opened = try_open(opening);
    REQUIRE(opened.has_value());
    return *log;
  }
  storage::Log& close_and_open() {
    const storage::LogOpening opening{log->synced_end_offset(), log->log_start_offset(), true};
    REQUIRE(log->close().has_value());
    return open(opening);
  }
  /// Power off and on: what was synced survives, of the rest what `policy` leaves.
  storage::Log& crash_and_open(storage::CrashPolicy policy, std::uint64_t seed = 0) {
    const storage::LogOpening opening{log->synced_end_offset(), log->log_start_offset(), false};
    log.reset();
    fs.crash(policy, seed);
    return open(opening);
  }

  Result<storage::Appended> try_append(Bytes batch, LeaderEpoch leader_epoch = LeaderEpoch{0}) {
    auto parsed = record::MutableBatch::parse(batch);
    REQUIRE(parsed.has_value());
    return log->append(*parsed, leader_epoch, now);
  }

  storage::Appended append(const Bytes& batch, LeaderEpoch leader_epoch = LeaderEpoch{0}) {
    const auto appended = try_append(batch, leader_epoch);
    REQUIRE(appended.has_value());
    return *appended;
  }

  /// What a slice holds, empty when there is none.
  static Bytes bytes_of(const Result<storage::LogSlice>& slice) {
    REQUIRE(slice.has_value());
    Bytes bytes(slice->size);
    REQUIRE(slice->read(bytes).has_value());
    return bytes;
  }
  Bytes read_all() const {
    Bytes all;
    auto from = log->log_start_offset();
    while (from < log->log_end_offset()) {
      const auto slice = log->read(from, 1U << 20, log->log_end_offset(), true);
      const auto bytes = bytes_of(slice);
      if (bytes.empty()) break;
      all.insert(all.end(), bytes.begin(), bytes.end());
      from = slice->next_offset;
    }
    return all;
  }
  std::vector<Offset> base_offsets(const Bytes& bytes) const {
    std::vector<Offset> offsets;
    for (record::BatchWalker walker{bytes}; const auto batch = walker.next();) offsets.push_back(batch->base_offset());
    return offsets;
  }
};

}  // namespace sluice::test

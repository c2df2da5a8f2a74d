#pragma once

#include <catch2/catch.hpp>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "protocol/record/record_stream.hpp"
#include "protocol/record/record_summary.hpp"
#include "storage/compaction/cleanable.hpp"
#include "storage/compaction/cleaner.hpp"
#include "tests/support/log_harness.hpp"

namespace sluice::test {

/// A record as a reader finds it in a log.
struct ReadRecord {
  Offset offset{0};
  std::optional<std::string> key{};
  std::optional<std::string> value{};
  Timestamp timestamp = kNoTimestamp;

  friend bool operator==(const ReadRecord&, const ReadRecord&) = default;
};

inline std::optional<std::string> to_text(const std::optional<ByteView>& bytes) {
  if (!bytes) return std::nullopt;
  return std::string{as_text(*bytes)};
}

/// All data records of whole batches laid back to back, whose CRCs are checked.
inline std::vector<ReadRecord> records_of(const Bytes& bytes) {
  std::vector<ReadRecord> all;
  record::RecordStream stream;
  for (record::BatchWalker walker{bytes}; const auto batch = walker.next();) {
    REQUIRE(batch->crc_matches());
    if (batch->is_control() || batch->record_count() == 0) continue;
    REQUIRE(stream.start(*batch, 1U << 24).has_value());
    while (true) {
      const auto record = stream.next();
      REQUIRE(record.has_value());
      if (!*record) break;
      all.push_back({batch->base_offset() + (*record)->offset_delta, to_text((*record)->key), to_text((*record)->value),
                     record::timestamp_of(batch->base_timestamp(), (*record)->timestamp_delta)});
    }
  }
  return all;
}

/// A log in memory and a cleaner for it.
struct CompactionHarness : LogHarness {
  storage::Cleaner cleaner;
  storage::CleanRequest settings{.delete_retention = std::chrono::milliseconds{1000},
                                 .map_bytes_max = 1U << 16,
                                 .io_buffer_bytes = 512,
                                 .secret = {1, 2}};
  std::optional<Offset> checkpoint;

  Result<storage::CleanReport> try_clean(const storage::Cleaner::Throttle& throttle = {}) {
    const auto stable_end = log->last_stable_offset(log->log_end_offset());
    const auto found = storage::survey(*log, stable_end, checkpoint, {.min_cleanable_dirty_ratio = 0}, now);
    if (!found) return found.error();
    auto request = settings;
    request.first_dirty = found->first_dirty;
    request.end = found->end;
    auto report = cleaner.clean(*log, request, now, throttle);
    if (report) checkpoint = report->next_dirty;
    return report;
  }
  storage::CleanReport clean() {
    const auto report = try_clean();
    CAPTURE(report.has_error() ? report.error().message() : "");
    REQUIRE(report.has_value());
    return *report;
  }
  void roll() { REQUIRE(log->roll(now).has_value()); }

  std::vector<ReadRecord> records() const { return records_of(read_all()); }
  /// "k=v" of every record, in order; "k" alone for a tombstone.
  std::vector<std::string> texts() const {
    std::vector<std::string> all;
    for (const auto& record : records())
      all.push_back(record.key.value_or("-") + (record.value ? "=" + *record.value : ""));
    return all;
  }
};

}  // namespace sluice::test

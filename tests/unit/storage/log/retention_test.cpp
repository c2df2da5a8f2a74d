#include "storage/log/retention.hpp"

#include <catch2/catch.hpp>

#include "storage/errc.hpp"
#include "tests/support/log_harness.hpp"

namespace sluice::storage {
namespace {

using std::chrono::milliseconds;

/// Three sealed segments of 100 bytes and an active one, at offsets 0, 10, 20, 30; the largest timestamps are 100, 200,
/// 300, 400.
std::vector<SegmentSummary> four_segments() {
  std::vector<SegmentSummary> segments;
  for (int i = 0; i < 4; ++i) {
    segments.push_back({Offset{i * 10}, Offset{i * 10 + 10}, 100, Timestamp{(i + 1) * 100}});
  }
  return segments;
}

constexpr Offset kAll{40};

TEST_CASE("a segment is too old when its last record is", "[retention]") {
  const RetentionLimits limits{.retention_ms = milliseconds{100}};
  CHECK(count_deletable(four_segments(), limits, kAll, Timestamp{200}) == 0);
  CHECK(count_deletable(four_segments(), limits, kAll, Timestamp{201}) == 1);
  CHECK(count_deletable(four_segments(), limits, kAll, Timestamp{350}) == 2);
  CHECK(count_deletable(four_segments(), limits, kAll, Timestamp{9999}) == 4);
}

TEST_CASE("the oldest segments go while the rest fills the size limit", "[retention]") {
  const auto left_by = [](std::int64_t bytes) {
    return count_deletable(four_segments(), {.retention_bytes = bytes}, kAll, Timestamp{0});
  };
  CHECK(left_by(400) == 0);
  CHECK(left_by(301) == 0);
  CHECK(left_by(300) == 1);
  CHECK(left_by(299) == 1);
  CHECK(left_by(100) == 3);
  CHECK(left_by(0) == 4);
}

TEST_CASE("what is not replicated stays however old it is", "[retention]") {
  const RetentionLimits limits{.retention_ms = milliseconds{0}};
  CHECK(count_deletable(four_segments(), limits, Offset{29}, Timestamp{9999}) == 2);
  CHECK(count_deletable(four_segments(), limits, Offset{30}, Timestamp{9999}) == 3);
}

TEST_CASE("an empty active segment stays", "[retention]") {
  auto segments = four_segments();
  segments.back().size_bytes = 0;
  CHECK(count_deletable(segments, {.retention_ms = milliseconds{0}}, kAll, Timestamp{9999}) == 3);
}

/// A log with a segment for each batch of two records.
struct Rolled : test::LogHarness {
  explicit Rolled(int batches) {
    open();
    for (int i = 0; i < batches; ++i) {
      append(test::batch_of(2, 10));
      REQUIRE(log->roll(now).has_value());
    }
  }
  std::vector<std::string> names() {
    std::vector<std::string> names;
    for (const auto& entry : *fs.list("/data/t-0")) names.push_back(entry.name);
    return names;
  }
};

TEST_CASE("old segments go by another name at once and from the disk after their delay", "[retention]") {
  Rolled it{3};
  const auto before = it.log->read(Offset{0}, 1000, it.log->log_end_offset(), true);
  const auto report = it.log->delete_old_segments({.retention_ms = milliseconds{5}}, Offset{4}, it.now + 1'000'000);
  REQUIRE(report.has_value());
  CHECK(report->segments == 2);
  CHECK(it.log->log_start_offset() == Offset{4});
  CHECK(it.log->read(Offset{0}, 1000, Offset{6}, true).error() == Errc::offset_out_of_range);

  const auto is_deleted = [](const std::string& name) { return name.ends_with(".deleted"); };
  const auto left = it.names();
  CHECK(std::count_if(left.begin(), left.end(), is_deleted) == 6);  // .log and two indexes each
  it.resources.removals.remove_due(it.fs, it.now);
  it.resources.removals.remove_due(it.fs, it.now + 59'999);
  CHECK(it.names() == left);
  it.resources.removals.remove_due(it.fs, it.now + 60'000);
  const auto last = it.names();
  CHECK(std::none_of(last.begin(), last.end(), is_deleted));
  CHECK(it.resources.removals.count() == 0);
  // Whoever had begun to read goes on.
  CHECK_FALSE(test::LogHarness::bytes_of(before).empty());
}

TEST_CASE("when every record is too old the log begins anew behind them", "[retention]") {
  Rolled it{2};
  it.append(test::batch_of(2, 10));
  const auto report = it.log->delete_old_segments({.retention_ms = milliseconds{5}}, Offset{6}, it.now + 1'000'000);
  REQUIRE(report.has_value());
  CHECK(it.log->log_start_offset() == Offset{6});
  CHECK(it.log->log_end_offset() == Offset{6});
  CHECK(it.append(test::batch_of(1, 10)).base_offset == Offset{6});
  it.close_and_open();
  CHECK(it.log->log_start_offset() == Offset{6});
  CHECK(it.log->log_end_offset() == Offset{7});
}

TEST_CASE("files that a crash left waiting for their removal go at the next start", "[retention]") {
  Rolled it{3};
  REQUIRE(it.log->delete_old_segments({.retention_ms = milliseconds{5}}, Offset{4}, it.now + 1'000'000).has_value());
  it.crash_and_open(CrashPolicy::keep_unsynced);
  const auto names = it.names();
  CHECK(std::none_of(names.begin(), names.end(), [](const auto& name) { return name.ends_with(".deleted"); }));
  CHECK(it.log->log_start_offset() == Offset{4});
}

}  // namespace
}  // namespace sluice::storage

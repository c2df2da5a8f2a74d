#include "storage/compaction/cleanable.hpp"

#include <catch2/catch.hpp>

namespace sluice::storage {
namespace {

using std::chrono::milliseconds;

constexpr Timestamp kNow{1'000'000};

/// Segments of 100 offsets and bytes each, a thousand milliseconds apart.
std::vector<CleanableSegment> segments(int count) {
  std::vector<CleanableSegment> all;
  for (int i = 0; i < count; ++i) {
    all.push_back({.base_offset = Offset{i * 100},
                   .next_offset = Offset{i * 100 + 100},
                   .size_bytes = 100,
                   .first_timestamp = Timestamp{900'000 + i * 1000},
                   .largest_timestamp = Timestamp{900'500 + i * 1000}});
  }
  return all;
}

constexpr LogBounds kBounds{Offset{0}, Offset{1050}, Offset{1050}};

TEST_CASE("what was cleaned before is clean, the rest up to the active segment may be cleaned", "[compaction]") {
  const auto found = find_cleanable(segments(10), kBounds, Offset{300}, {}, kNow);
  CHECK(found.first_dirty == Offset{300});
  CHECK(found.end == Offset{1000});
  CHECK(found.clean_bytes == 300);
  CHECK(found.cleanable_bytes == 700);
  CHECK(found.due);
}

TEST_CASE("a log is due when more of it is dirty than its ratio says", "[compaction]") {
  CHECK_FALSE(find_cleanable(segments(10), kBounds, Offset{500}, {.min_cleanable_dirty_ratio = 0.5}, kNow).due);
  CHECK(find_cleanable(segments(10), kBounds, Offset{500}, {.min_cleanable_dirty_ratio = 0.49}, kNow).due);
  CHECK_FALSE(find_cleanable(segments(10), kBounds, Offset{1000}, {.min_cleanable_dirty_ratio = 0}, kNow).due);
  CHECK_FALSE(find_cleanable({}, kBounds, {}, {.min_cleanable_dirty_ratio = 0}, kNow).due);
}

TEST_CASE("a checkpoint outside the log starts over", "[compaction]") {
  const LogBounds bounds{Offset{200}, Offset{1050}, Offset{1050}};
  CHECK(find_cleanable(segments(10), bounds, {}, {}, kNow).first_dirty == Offset{200});
  CHECK(find_cleanable(segments(10), bounds, Offset{100}, {}, kNow).first_dirty == Offset{200});
  CHECK(find_cleanable(segments(10), bounds, Offset{1051}, {}, kNow).first_dirty == Offset{200});
  CHECK(find_cleanable(segments(10), bounds, Offset{1050}, {}, kNow).first_dirty == Offset{1050});
}

TEST_CASE("nothing past the stable end or younger than the least lag is touched", "[compaction]") {
  CHECK(find_cleanable(segments(10), {Offset{0}, Offset{1050}, Offset{799}}, {}, {}, kNow).end == Offset{700});
  CHECK(find_cleanable(segments(10), {Offset{0}, Offset{1050}, Offset{800}}, {}, {}, kNow).end == Offset{800});
  const auto lag = milliseconds{1'000'000 - 903'500};
  CHECK(find_cleanable(segments(10), kBounds, {}, {.min_compaction_lag = lag}, kNow).end == Offset{300});
  CHECK(find_cleanable(segments(10), kBounds, {}, {.min_compaction_lag = lag}, kNow + 1).end == Offset{400});
  // Only what is dirty is asked.
  CHECK(find_cleanable(segments(10), kBounds, Offset{400}, {.min_compaction_lag = lag}, kNow).end == Offset{400});
}

TEST_CASE("a record older than the most lag makes its log due however little is dirty", "[compaction]") {
  CleaningRules rules{.max_compaction_lag = milliseconds{1'000'000 - 909'000}, .min_cleanable_dirty_ratio = 1};
  CHECK_FALSE(find_cleanable(segments(10), kBounds, Offset{900}, rules, kNow).due);
  const auto found = find_cleanable(segments(10), kBounds, Offset{900}, rules, kNow + 1);
  CHECK(found.overdue);
  CHECK(found.due);
  auto none = segments(10);
  for (auto& segment : none) segment.first_timestamp = kNoTimestamp;
  CHECK_FALSE(find_cleanable(none, kBounds, Offset{900}, rules, kNow + 1).due);
}

TEST_CASE("neighbours are grouped up to a segment's size, index and offsets", "[compaction]") {
  const auto all = segments(10);
  const GroupLimits limits{.segment_bytes = 350, .index_bytes = 1U << 20, .index_interval_bytes = 4096};
  CHECK(group_segments(all, limits) == std::vector<std::size_t>{3, 3, 3, 1});
  CHECK(group_segments(all, {.segment_bytes = 50, .index_bytes = 1U << 20, .index_interval_bytes = 4096}) ==
        std::vector<std::size_t>(10, 1));
  // Four entries of 12 bytes, one of them for the last: three intervals of 70 bytes.
  CHECK(group_segments(all, {.segment_bytes = 1000, .index_bytes = 50, .index_interval_bytes = 70}) ==
        std::vector<std::size_t>{2, 2, 2, 2, 2});
  auto far = segments(3);
  far[2].next_offset = Offset{(std::int64_t{1} << 31) + 1};
  CHECK(group_segments(far, {.segment_bytes = 1000, .index_bytes = 1U << 20, .index_interval_bytes = 4096}) ==
        std::vector<std::size_t>{2, 1});
  CHECK(group_segments({}, limits).empty());
}

}  // namespace
}  // namespace sluice::storage

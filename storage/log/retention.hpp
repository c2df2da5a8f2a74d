#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "protocol/base/ids.hpp"

namespace sluice::storage {

/// Until when records are kept; nullopt: no such limit.
struct RetentionLimits {
  std::optional<std::chrono::milliseconds> retention_ms{};  ///< since a segment's largest timestamp
  std::optional<std::int64_t> retention_bytes{};            ///< of the whole log
};

/// What a pass took away.
struct RetentionReport {
  std::size_t segments = 0;
  std::uint64_t bytes = 0;
};

/// One segment, for retention and metrics.
struct SegmentSummary {
  Offset base_offset{0};
  Offset next_offset{0};  ///< of a sealed segment at most the next one's base offset
  std::uint32_t size_bytes = 0;
  Timestamp largest_timestamp = kNoTimestamp;  ///< of its records; when it was created or opened where they have none
};

/// How many of the oldest segments may go: those past either limit whose records all lie below `deletable_end`. The
/// last of `segments` is the active one, which goes too when it has to and is not empty. Kafka's rules: a segment is
/// too old when all of it is; it is too much when what is left without it still fills `retention_bytes`.
std::size_t count_deletable(const std::vector<SegmentSummary>& segments, const RetentionLimits& limits,
                            Offset deletable_end, Timestamp now) noexcept;

}  // namespace sluice::storage

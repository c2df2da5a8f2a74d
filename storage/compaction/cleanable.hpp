#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "protocol/base/ids.hpp"
#include "protocol/base/result.hpp"
#include "storage/compaction/segment_groups.hpp"

namespace sluice::storage {

class Log;

/// When a log is worth cleaning; names and defaults are Kafka's topic settings.
struct CleaningRules {
  std::chrono::milliseconds min_compaction_lag{0};
  std::optional<std::chrono::milliseconds> max_compaction_lag{};
  double min_cleanable_dirty_ratio = 0.5;
};

/// What of a log is clean, what may be cleaned, and whether it is time to.
struct Cleanable {
  Offset first_dirty{0};  ///< everything below was cleaned
  Offset end{0};          ///< the base of the first segment that must not be touched
  std::uint64_t clean_bytes = 0;
  std::uint64_t cleanable_bytes = 0;
  bool overdue = false;  ///< something waits longer than the maximum lag
  bool due = false;      ///< overdue, or dirty enough

  double dirty_ratio() const noexcept {
    const auto all = static_cast<double>(clean_bytes + cleanable_bytes);
    return all > 0 ? static_cast<double>(cleanable_bytes) / all : 0;
  }
};

struct LogBounds {
  Offset start{0};
  Offset end{0};
  Offset stable_end{0};  ///< no record at or past it may go: the last stable offset, at most the high watermark
};

/// Kafka's rules. `sealed`: all segments but the active one, ascending. `checkpoint`: up to where the log was cleaned
/// before; one outside the log starts over. Pure.
Cleanable find_cleanable(const std::vector<CleanableSegment>& sealed, const LogBounds& bounds,
                         std::optional<Offset> checkpoint, const CleaningRules& rules, Timestamp now);

/// The same of a log as it is. Asks the disk for timestamps only where the rules name a lag and something is dirty.
Result<Cleanable> survey(const Log& log, Offset stable_end, std::optional<Offset> checkpoint,
                         const CleaningRules& rules, Timestamp now);

}  // namespace sluice::storage

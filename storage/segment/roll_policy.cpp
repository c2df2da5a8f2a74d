#include "storage/segment/roll_policy.hpp"

#include <functional>
#include <limits>

namespace sluice::storage {
namespace {

// Spreads the rolls of many logs that started together; the same segment always gets the same share.
std::chrono::milliseconds lifetime(const Segment& segment, const LogOptions& options) {
  const auto jitter_max = std::min(options.segment_jitter_ms, options.segment_ms);
  if (jitter_max.count() <= 0) return options.segment_ms;
  const auto spread =
      std::hash<std::string>{}(segment.directory()) + static_cast<std::size_t>(segment.base_offset().value());
  return options.segment_ms - std::chrono::milliseconds{spread % static_cast<std::size_t>(jitter_max.count())};
}

}  // namespace

bool is_in_reach(const Segment& segment, Offset offset) noexcept {
  const auto relative = offset - segment.base_offset();
  return relative >= 0 && relative <= std::numeric_limits<std::int32_t>::max();
}

bool must_roll(Segment& active, const LogOptions& options, const record::BatchView& batch, Timestamp now) {
  if (active.indexes_full() || !is_in_reach(active, batch.last_offset())) return true;
  if (active.size() == 0) return false;
  if (active.size() + batch.size() > options.segment_bytes) return true;
  return active.age(now, batch.max_timestamp()) > lifetime(active, options);
}

bool is_due(Segment& active, const LogOptions& options, Timestamp now) {
  return active.size() > 0 && active.age(now, std::nullopt) > lifetime(active, options);
}

}  // namespace sluice::storage

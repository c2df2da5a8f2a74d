#include "storage/compaction/segment_groups.hpp"

#include <algorithm>
#include <limits>

#include "storage/index/time_index.hpp"

namespace sluice::storage {

std::vector<std::size_t> group_segments(const std::vector<CleanableSegment>& segments, const GroupLimits& limits) {
  // Entries come after more than the interval, and both indexes end together: the wider entries decide.
  const auto entries_max = std::max<std::uint64_t>(limits.index_bytes / TimeIndex::kEntryBytes, 2) - 1;
  const auto indexable =
      limits.index_interval_bytes == 0 ? limits.segment_bytes : entries_max * limits.index_interval_bytes;
  const auto bytes_max = std::min(limits.segment_bytes, indexable);
  std::vector<std::size_t> groups;
  Offset base{0};
  std::uint64_t bytes = 0;
  for (const auto& segment : segments) {
    const bool fits = !groups.empty() && bytes + segment.size_bytes <= bytes_max &&
                      segment.next_offset - 1 - base <= std::numeric_limits<std::int32_t>::max();
    if (fits) {
      ++groups.back();
      bytes += segment.size_bytes;
    } else {
      groups.push_back(1);
      base = segment.base_offset;
      bytes = segment.size_bytes;
    }
  }
  return groups;
}

}  // namespace sluice::storage

#pragma once

#include <cstdint>
#include <vector>

#include "protocol/base/ids.hpp"

namespace sluice::storage {

/// A segment as far as grouping and choosing go.
struct CleanableSegment {
  Offset base_offset{0};
  Offset next_offset{0};
  std::uint64_t size_bytes = 0;
  Timestamp first_timestamp = kNoTimestamp;    ///< of its first batch; only where a lag is asked for
  Timestamp largest_timestamp = kNoTimestamp;  ///< likewise
};

/// How many segments go into each of the new ones: neighbours as long as all they hold now fits into `segment_bytes`,
/// their index entries (one each `index_interval_bytes` at most) into `index_bytes`, and their offsets into 31 bits
/// from the first one's base. Pure.
struct GroupLimits {
  std::uint64_t segment_bytes = 0;
  std::uint64_t index_bytes = 0;
  std::uint64_t index_interval_bytes = 0;
};
std::vector<std::size_t> group_segments(const std::vector<CleanableSegment>& segments, const GroupLimits& limits);

}  // namespace sluice::storage

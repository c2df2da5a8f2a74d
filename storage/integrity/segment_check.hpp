#pragma once

#include <cstdint>
#include <vector>

#include "protocol/base/result.hpp"
#include "storage/epoch/leader_epoch_cache.hpp"
#include "storage/fs/file_system.hpp"
#include "storage/integrity/damage.hpp"

namespace sluice::storage {

class Segment;

/// What a check looked at, and what did not hold there. Every batch that begins in [position, end) was looked at.
struct SegmentChecked {
  std::uint32_t position = 0;
  std::uint32_t end = 0;
  std::uint64_t bytes_read = 0;
  std::vector<DamagedRange> damage{};
};

/// Reads the batches of `segment` that begin in [`position`, `end`), widened to whole chunks of SegmentIntegrity, from
/// `file` and checks them as BatchScan does. An index entry tells where to begin; if no sound batch is there, the check
/// begins further down, so that a wrong entry passes for no damage. Changes nothing: a truncation meanwhile looks like
/// damage, which the caller can tell.
Result<SegmentChecked> check_segment(Segment& segment, const File& file, std::uint32_t position, std::uint32_t end,
                                     const LeaderEpochCache* epochs);

}  // namespace sluice::storage

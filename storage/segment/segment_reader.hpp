#pragma once

#include <optional>

#include "storage/segment/log_slice.hpp"
#include "storage/segment/segment.hpp"

namespace sluice::storage {

struct SliceRequest {
  Offset from;
  Offset end;  ///< no record at or above it
  std::size_t bytes_max;
  bool at_least_one_batch;
  ReadMode mode = ReadMode::may_wait;
  bool skips_empty_batches = false;  ///< before the first that has records
};

/// Whole batches of one segment, as Log::read has it; nullopt when the segment ends before `from`. Errors: not_cached,
/// in that mode, when a header or the index is not in memory.
Result<std::optional<LogSlice>> read_slice(Segment& segment, const SliceRequest& request);

}  // namespace sluice::storage

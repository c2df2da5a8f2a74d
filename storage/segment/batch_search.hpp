#pragma once

#include <cstdint>

#include "protocol/base/ids.hpp"
#include "protocol/base/result.hpp"
#include "storage/segment/segment_file.hpp"

namespace sluice::storage {

/// Whether a whole, sound batch with offsets from `from` on starts anywhere in [`position`, `end`) of the file, on
/// whichever byte: what tells damage in the middle of a log from a write that was cut short.
Result<bool> holds_batch(const SegmentFile& file, std::uint32_t position, std::uint32_t end, Offset from);

}  // namespace sluice::storage

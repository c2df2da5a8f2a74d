#pragma once

#include <optional>

#include "storage/segment/header_walker.hpp"
#include "storage/segment/segment.hpp"

namespace sluice::storage {

/// The walker's next batch; damage that it meets is noted and walked over. `expected` is the least offset that may
/// follow, kept from call to call. Pre: not in mode cached_only.
Result<std::optional<HeaderWalker::Step>> next_or_past_damage(Segment& segment, HeaderWalker& walker, Offset& expected);

}  // namespace sluice::storage

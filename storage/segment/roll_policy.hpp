#pragma once

#include "protocol/record/batch_view.hpp"
#include "storage/log/log_options.hpp"
#include "storage/segment/segment.hpp"

namespace sluice::storage {

/// Whether `batch` must go to a new segment: by size, by age, by the room in the indexes, or because its offsets are
/// too far from the base for 31 bits. An empty segment is left for the last two only. Kafka's rules. Pre:
/// ensure_indexes.
bool must_roll(Segment& active, const LogOptions& options, const record::BatchView& batch, Timestamp now);

/// Age alone, by the clock: for logs that get no appends.
bool is_due(Segment& active, const LogOptions& options, Timestamp now);

/// Whether the segment can name `offset` in its indexes.
bool is_in_reach(const Segment& segment, Offset offset) noexcept;

}  // namespace sluice::storage

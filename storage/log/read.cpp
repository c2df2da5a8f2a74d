#include "storage/log/log.hpp"
#include "storage/log/log_state.hpp"
#include "storage/segment/segment_reader.hpp"

namespace sluice::storage {

// A truncation, or a deletion of a segment not opened yet, may pull the file away: then look again.
Result<LogSlice> Log::read(Offset from, std::size_t bytes_max, Offset end, bool at_least_one_batch,
                           ReadMode mode) const {
  bool examined = false;
  while (true) {
    const auto truncations = state_->truncations.load(std::memory_order_acquire);
    const auto start_offset = log_start_offset();
    auto slice = read_once(from, bytes_max, end, at_least_one_batch, mode);
    if (slice) return slice;
    const bool moved =
        state_->truncations.load(std::memory_order_acquire) != truncations || log_start_offset() != start_offset;
    if (moved) continue;
    if (slice.error() != Errc::corrupt_batch || examined || is_known_damage(from)) return slice;
    // What is wrong is looked for once: what lies before the damage can be read.
    if (mode == ReadMode::cached_only) return Errc::not_cached;
    examined = true;
    const auto looked = examine(from, bytes_max);
    if (!looked && looked.error() != Errc::offset_out_of_range) return looked.error();
  }
}

bool Log::is_recent(Offset from, Timestamp now) const noexcept { return state_->recent.holds(from, now); }

Result<LogSlice> Log::read_once(Offset from, std::size_t bytes_max, Offset end, bool at_least_one_batch,
                                ReadMode mode) const {
  const auto log_end = log_end_offset();
  if (from < log_start_offset() || from > log_end) return Errc::offset_out_of_range;
  SliceRequest request{from, std::min(end, log_end), bytes_max, at_least_one_batch, mode};
  const LogSlice nothing{nullptr, 0, 0, from};
  if (from >= request.end) return nothing;
  const auto list = state_->segments.list();
  // Clients take an answer without a record for one that had no room for it: what compaction emptied is passed over,
  // unless there is nothing else, and they have to learn how far they are.
  request.skips_empty_batches = true;
  auto slice = read_first(*list, request);
  if (slice && slice->empty()) {
    request.skips_empty_batches = false;
    slice = read_first(*list, request);
  }
  return slice;
}

Result<LogSlice> Log::read_first(const std::vector<std::shared_ptr<Segment>>& list, const SliceRequest& request) {
  const auto floor = find_floor(list, request.from);
  if (!floor) return Errc::offset_out_of_range;
  for (auto i = *floor; i < list.size(); ++i) {
    auto slice = read_slice(*list[i], request);
    if (!slice) return slice.error();
    if (*slice) return **slice;
  }
  return LogSlice{nullptr, 0, 0, request.from};
}

}  // namespace sluice::storage

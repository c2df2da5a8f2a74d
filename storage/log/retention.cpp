#include "storage/log/retention.hpp"

#include <algorithm>

#include "storage/log/log.hpp"
#include "storage/log/log_state.hpp"

namespace sluice::storage {

std::size_t count_deletable(const std::vector<SegmentSummary>& segments, const RetentionLimits& limits,
                            Offset deletable_end, Timestamp now) noexcept {
  std::int64_t left_bytes = 0;
  for (const auto& segment : segments) left_bytes += segment.size_bytes;
  std::size_t count = 0;
  for (const auto& segment : segments) {
    const bool too_old = limits.retention_ms && now - segment.largest_timestamp > limits.retention_ms->count();
    const bool too_much = limits.retention_bytes && left_bytes - segment.size_bytes >= *limits.retention_bytes;
    const bool empty_active = count + 1 == segments.size() && segment.size_bytes == 0;
    if (!(too_old || too_much) || segment.next_offset > deletable_end || empty_active) break;
    left_bytes -= segment.size_bytes;
    ++count;
  }
  return count;
}

Result<RetentionReport> Log::delete_old_segments(const RetentionLimits& limits, Offset deletable_end, Timestamp now) {
  auto& state = *state_;
  if (!limits.retention_ms && !limits.retention_bytes) return RetentionReport{};
  const std::lock_guard lock{state.append_mutex};
  if (is_offline()) return Errc::log_offline;
  const auto summaries = segments();
  if (!summaries) return summaries.error();
  const auto count = count_deletable(*summaries, limits, deletable_end, now);
  if (count == 0) return RetentionReport{};
  if (count == summaries->size()) {
    if (const auto rolled = roll_to(log_end_offset(), now); !rolled) return rolled.error();
  }
  RetentionReport report{.segments = count};
  for (std::size_t i = 0; i < count; ++i) report.bytes += (*summaries)[i].size_bytes;
  if (const auto moved = start_at(state.segments.segments()[count]->base_offset()); !moved) return moved.error();
  return report;
}

Result<> Log::advance_log_start(Offset offset) {
  const std::lock_guard lock{state_->append_mutex};
  if (is_offline()) return Errc::log_offline;
  if (offset > log_end_offset()) return Errc::offset_out_of_range;
  return start_at(offset);
}

// Bounds first: nobody reads towards what is being removed. Oldest first: at any moment what is there is a suffix.
Result<> Log::start_at(Offset offset) {
  auto& state = *state_;
  if (offset <= log_start_offset()) return {};
  state.changed = true;
  raise_to(synced_end_offset_, offset);  // nobody asks for what lies below the start
  raise_to(log_start_offset_, offset);

  auto kept = state.segments.segments();
  SegmentList dropped;
  while (kept.size() > 1 && kept[1]->base_offset() <= offset) {
    dropped.push_back(kept.front());
    kept.erase(kept.begin());
  }
  const auto first_base = kept.front()->base_offset();
  if (!dropped.empty()) state.segments.replace(std::move(kept));
  // What the dropped records say of producers is in the snapshot alone from now on.
  if (!dropped.empty() && state.snapshots.is_unsynced(first_base)) {
    if (const auto synced = state.snapshots.sync({first_base}); !synced) return synced.error();
    if (const auto synced = fs_.sync_directory(directory_); !synced) return synced.error();
  }
  if (const auto discarded = discard(dropped); !discarded) return discarded.error();
  if (const auto removed = state.snapshots.remove_before(first_base); !removed) return removed.error();
  return state.epochs.truncate_from_start(offset);
}

// The files go by another name at once, and from the disk after file.delete.delay.ms.
Result<> Log::discard(const SegmentList& segments) {
  auto& state = *state_;
  for (const auto& segment : segments) {
    std::erase(state.unsynced_sealed, segment);
    auto renamed = segment->rename_away();
    if (!renamed) return renamed.error();
    resources_.removals.add(std::move(*renamed), state.options.file_delete_delay_ms);
  }
  return {};
}

}  // namespace sluice::storage

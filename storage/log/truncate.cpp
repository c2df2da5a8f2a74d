#include <algorithm>

#include "storage/log/log.hpp"
#include "storage/log/log_state.hpp"

namespace sluice::storage {

Result<> Log::truncate_to(Offset offset) {
  const std::lock_guard sync_lock{state_->sync_mutex};
  const std::lock_guard lock{state_->append_mutex};
  if (is_offline()) return Errc::log_offline;
  // KAFKA-10706: the epochs are cut even if the log needs no cut.
  if (offset >= log_end_offset()) return state_->epochs.truncate_from_end(offset);
  const bool is_before_all = offset < state_->segments.segments().front()->base_offset();
  const auto cut = is_before_all ? restart_at(offset, Timestamp{0}) : truncate_locked(offset);
  if (cut) announce_cut(Offset{std::numeric_limits<std::int64_t>::max()});
  return take_offline_on_error(cut);
}

Result<> Log::truncate_fully_and_start_at(Offset offset) {
  const std::lock_guard sync_lock{state_->sync_mutex};
  const std::lock_guard lock{state_->append_mutex};
  if (is_offline()) return Errc::log_offline;
  return take_offline_on_error(restart_at(offset, Timestamp{0}));
}

// Bounds go down before the bytes, so that nobody reads towards what is being removed.
Result<> Log::truncate_locked(Offset offset) {
  auto& state = *state_;
  state.changed = true;
  const auto holder = *find_floor(state.segments.segments(), offset);
  lower_to(log_end_offset_, offset);
  state.truncations.fetch_add(1, std::memory_order_acq_rel);
  const bool drops_some = holder + 1 < state.segments.segments().size();
  if (const auto dropped = drop_segments_from(holder + 1); !dropped) return dropped.error();
  if (drops_some) {
    // Else a crash could leave them behind a cut that came to the disk first.
    if (const auto synced = fs_.sync_directory(directory_); !synced) return synced.error();
  }
  const auto active = state.segments.active();
  const auto end_offset = active->truncate_to(offset);
  if (!end_offset) return end_offset.error();
  std::erase(state.unsynced_sealed, active);
  lower_to(log_end_offset_, *end_offset);
  lower_to(synced_end_offset_, *end_offset);
  lower_to(log_start_offset_, *end_offset);
  if (const auto removed = state.snapshots.remove_after(*end_offset); !removed) return removed.error();
  if (const auto cut = state.epochs.truncate_from_end(*end_offset); !cut) return cut.error();
  if (const auto synced = fs_.sync_directory(directory_); !synced) return synced.error();
  state.truncations.fetch_add(1, std::memory_order_acq_rel);
  return reload_producers();
}

// Newest first: at any moment what is there is a prefix.
Result<> Log::drop_segments_from(std::size_t index) {
  auto& state = *state_;
  auto kept = state.segments.segments();
  const SegmentList dropped(kept.begin() + static_cast<std::ptrdiff_t>(index), kept.end());
  if (dropped.empty()) return {};
  kept.resize(index);
  state.segments.replace(std::move(kept));
  for (auto segment = dropped.rbegin(); segment != dropped.rend(); ++segment) {
    std::erase(state.unsynced_sealed, *segment);
    if (const auto removed = (*segment)->remove(); !removed) return removed.error();
  }
  return {};
}

Result<> Log::restart_at(Offset offset, Timestamp now) {
  auto& state = *state_;
  state.changed = true;
  state.truncations.fetch_add(1, std::memory_order_acq_rel);
  state.producers.clear();
  state.unstable.truncate_to(kNoOffset, std::nullopt);
  if (const auto removed = state.snapshots.remove_after(kNoOffset); !removed) return removed.error();
  // The old list stays published until there is a new one: readers find its files gone and look again.
  const auto dropped = state.segments.segments();
  for (auto segment = dropped.rbegin(); segment != dropped.rend(); ++segment) {
    if (const auto removed = (*segment)->remove(); !removed) return removed.error();
  }
  state.unsynced_sealed.clear();
  // Not before: a crash that leaves some of the log must leave its epochs too.
  if (const auto cleared = state.epochs.clear(); !cleared) return cleared.error();
  auto created = Segment::create(resources_, directory_, offset, state.options, now);
  if (!created) return created.error();
  state.segments.replace({std::move(*created)});
  // Never log start > log end for whoever looks in between.
  if (offset < log_start_offset()) log_start_offset_.store(offset.value(), std::memory_order_release);
  log_end_offset_.store(offset.value(), std::memory_order_release);
  synced_end_offset_.store(offset.value(), std::memory_order_release);
  log_start_offset_.store(offset.value(), std::memory_order_release);
  state.truncations.fetch_add(1, std::memory_order_acq_rel);
  return fs_.sync_directory(directory_);
}

}  // namespace sluice::storage

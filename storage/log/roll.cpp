#include <algorithm>

#include "storage/log/log.hpp"
#include "storage/log/log_state.hpp"
#include "storage/segment/roll_policy.hpp"

namespace sluice::storage {

Result<> Log::roll(Timestamp now) {
  const std::lock_guard lock{state_->append_mutex};
  if (is_offline()) return Errc::log_offline;
  return roll_to(log_end_offset(), now);
}

Result<> Log::roll_if_due(Timestamp now) {
  auto& state = *state_;
  const std::lock_guard lock{state.append_mutex};
  if (is_offline()) return Errc::log_offline;
  if (!state.producers.empty()) state.producers.expire(now, state.options.producer_id_expiration_ms);
  if (!is_due(*state.segments.active(), state.options, now)) return {};
  return roll_to(log_end_offset(), now);
}

Result<> Log::roll_to(Offset base_offset, Timestamp now) {
  auto& state = *state_;
  const auto active = state.segments.active();
  if (active->size() == 0 && active->base_offset() == base_offset) return {};
  if (const auto sealed = seal_active(); !sealed) return sealed.error();
  auto created = Segment::create(resources_, directory_, base_offset, state.options, now);
  if (!created) return created.error();
  state.directory_unsynced = true;
  state.changed = true;
  auto list = state.segments.segments();
  if (active->size() == 0) {
    list.pop_back();
    if (const auto removed = active->remove(); !removed) return removed.error();
  } else {
    state.unsynced_sealed.push_back(active);
  }
  list.push_back(std::move(*created));
  state.segments.replace(std::move(list));
  return {};
}

// Derived files first, all of which can be made again: if one fails, the segment simply stays active.
Result<> Log::seal_active() {
  auto& state = *state_;
  if (const auto trimmed = state.segments.active()->trim(); !trimmed) return trimmed.error();
  return state.snapshots.write(log_end_offset(), state.producers);
}

}  // namespace sluice::storage

#include "storage/wal/unit_table.hpp"

#include <algorithm>

namespace sluice::storage::wal {
namespace {

// Finer costs memory, coarser makes readers pass over more of what they don't want.
constexpr std::uint64_t kPlaceEveryBytes = 64U << 10;

std::size_t mix(std::uint64_t value) noexcept {
  value ^= value >> 32;
  value *= 0x9e3779b97f4a7c15;  // 2^64 / golden ratio
  return value ^ (value >> 29);
}

// Places whose entries are all deleted go; the last one at or below the first live entry stays.
void drop_deleted(UnitState& state) {
  auto& places = state.places;
  if (!state.has_live_entries()) {
    places.clear();
    return;
  }
  const auto first_live = state.deleted_up_to + 1;
  const auto past = std::find_if(places.begin(), places.end(),
                                 [&](const UnitState::Place& place) { return place.sequence > first_live; });
  if (past != places.begin()) places.erase(places.begin(), past - 1);
}

}  // namespace

std::size_t UnitTable::Hash::operator()(const Unit& unit) const noexcept {
  return mix(unit.table + mix(unit.region + mix(unit.name_space)));
}

const UnitState* UnitTable::find(const Unit& unit) const {
  const auto found = units_.find(unit);
  return found == units_.end() ? nullptr : &found->second;
}

void UnitTable::on_entries(UnitState& state, SequenceRange entries, Offset offset, std::uint64_t position) {
  if (entries.end <= state.next) return;
  state.next = entries.end;
  state.assigned_end = std::max(state.assigned_end, entries.end);
  state.next_told_at = offset;
  if (!state.has_live_entries()) return;
  if (state.places.empty() || position - state.places.back().position >= kPlaceEveryBytes)
    state.places.push_back({entries.first, offset, position});
}

void UnitTable::on_mark(UnitState& state, Sequence deleted_up_to, Offset offset) {
  if (deleted_up_to < state.deleted_up_to) return;
  state.deleted_up_to = deleted_up_to;
  state.deleted_told_at = offset;
  if (state.next <= deleted_up_to) {
    state.next = deleted_up_to + 1;
    state.assigned_end = std::max(state.assigned_end, state.next);
  }
  drop_deleted(state);
}

void UnitTable::on_carried(UnitState& state, Sequence next, Sequence deleted_up_to, Offset offset) {
  if (next >= state.next) {
    state.next = next;
    state.assigned_end = std::max(state.assigned_end, next);
    state.next_told_at = offset;
  }
  if (deleted_up_to > kNoSequence) on_mark(state, deleted_up_to, offset);
}

std::optional<Offset> UnitTable::floor_offset(const Unit& unit, Sequence from) const {
  const auto* state = find(unit);
  if (state == nullptr || !state->has_live_entries() || from >= state->next) return std::nullopt;
  const auto past = std::find_if(state->places.begin(), state->places.end(),
                                 [&](const auto& place) { return place.sequence > from; });
  return past == state->places.begin() ? state->places.front().offset : (past - 1)->offset;
}

std::optional<Offset> UnitTable::first_live_offset() const {
  std::optional<Offset> first;
  for (const auto& [unit, state] : units_) {
    if (state.places.empty()) continue;
    if (!first || state.places.front().offset < *first) first = state.places.front().offset;
  }
  return first;
}

std::vector<Unit> UnitTable::told_only_below(Offset start) const {
  std::vector<Unit> units;
  for (const auto& [unit, state] : units_) {
    const bool next_goes = state.next > kFirstSequence && state.next_told_at < start;
    const bool mark_goes = state.deleted_up_to > kNoSequence && state.deleted_told_at < start;
    if (next_goes || mark_goes) units.push_back(unit);
  }
  return units;
}

std::vector<UnitSummary> UnitTable::summaries() const {
  std::vector<UnitSummary> all;
  all.reserve(units_.size());
  for (const auto& [unit, state] : units_) {
    if (state.next > kFirstSequence) all.push_back({unit, state.next, state.deleted_up_to});
  }
  return all;
}

}  // namespace sluice::storage::wal

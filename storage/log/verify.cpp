#include <algorithm>

#include "storage/integrity/batch_scan.hpp"
#include "storage/integrity/segment_check.hpp"
#include "storage/log/log.hpp"
#include "storage/log/log_state.hpp"

// Holding what is on the disk against its CRCs, and knowing what did not hold.

namespace sluice::storage {
namespace {

// Of a file that is no segment's any more: nothing is noted.
Result<> verify_alone(const LogSlice& slice) {
  BatchScan scan{*slice.file,
                 {.position = slice.position,
                  .end = slice.position + slice.size,
                  .limit = Offset{std::numeric_limits<std::int64_t>::max()}}};
  while (true) {
    const auto batch = scan.next();
    if (!batch) return batch.error();
    if (!*batch) return {};
  }
}

}  // namespace

bool Log::is_verified(const LogSlice& slice) const noexcept {
  return slice.empty() || !slice.integrity || slice.integrity->is_sound(slice.position, slice.size);
}

Result<> Log::verify(const LogSlice& slice) const {
  if (is_verified(slice)) return {};
  const auto list = state_->segments.list();
  const auto segment = std::find_if(list->begin(), list->end(), [&](const std::shared_ptr<Segment>& candidate) {
    return candidate->integrity() == slice.integrity;
  });
  if (segment == list->end()) return verify_alone(slice);
  if (!slice.integrity->is_checked(slice.position, slice.size)) {
    const auto checked = check_range(**segment, *slice.file, slice.position, slice.position + slice.size);
    if (!checked && checked.error() == Errc::offset_out_of_range) return verify_alone(slice);
    if (!checked) return checked.error();
  }
  if (!slice.integrity->is_sound(slice.position, slice.size)) return Errc::corrupt_batch;
  return {};
}

Result<SegmentChecked> Log::check_range(Segment& segment, const File& file, std::uint32_t position,
                                        std::uint32_t end) const {
  const auto truncations = state_->truncations.load(std::memory_order_acquire);
  const LeaderEpochCache epochs{state_->epochs.entries()};
  auto checked = check_segment(segment, file, position, end, &epochs);
  if (!checked) return checked;
  // What was cut away or replaced meanwhile is no damage.
  if (state_->truncations.load(std::memory_order_acquire) != truncations) return Errc::offset_out_of_range;
  for (const auto& range : checked->damage) segment.note_damage(range);
  segment.integrity()->mark_checked(checked->position, checked->end);
  return checked;
}

bool Log::is_known_damage(Offset offset) const {
  const auto list = state_->segments.list();
  const auto floor = find_floor(*list, offset);
  const auto known = floor ? (*list)[*floor]->integrity()->damage() : nullptr;
  const auto* range = known ? known->find_from(offset) : nullptr;
  return range && range->holds(offset);
}

// A walk from `from` met what is no batch, or an index that does not tell the truth: which of the two shows when the
// batches are walked from further down.
Result<> Log::examine(Offset from, std::size_t bytes) const {
  const auto list = state_->segments.list();
  const auto floor = find_floor(*list, from);
  if (!floor) return Errc::offset_out_of_range;
  auto& segment = *(*list)[*floor];
  const auto position = segment.floor_position(from);
  if (!position) return position.error();
  const auto file = segment.file().open();
  if (!file) return file.error();
  const auto size = segment.size();
  const auto reach = std::min<std::uint64_t>(size, *position + std::uint64_t{bytes});
  auto checked = check_range(segment, **file, *position, static_cast<std::uint32_t>(reach));
  if (!checked) return checked.error();
  if (!checked->damage.empty()) return {};
  if (&segment == list->back().get()) return Errc::corrupt_index;  // it is being written
  return segment.rebuild_indexes_anew();
}

void Log::note_damage(Segment& segment, const DamagedRange& range) const {
  if (segment.integrity()->add(range) && resources_.on_damage) resources_.on_damage(directory_, range);
}

Result<ScrubStep> Log::scrub(ScrubCursor& cursor, std::uint32_t bytes_max, Timestamp since, Timestamp now) const {
  const auto list = state_->segments.list();
  const auto is_due = [&](const Segment& segment) {
    return segment.base_offset() >= cursor.segment_base && segment.integrity()->scrubbed_at() <= since &&
           segment.size() > 0 && !segment.has_unsynced_bytes();
  };
  const auto found =
      std::find_if(list->begin(), list->end() - 1, [&](const auto& segment) { return is_due(*segment); });
  if (found == list->end() - 1) return ScrubStep{.bytes = 0, .done = true};
  auto& segment = **found;
  if (segment.base_offset() != cursor.segment_base) cursor = {segment.base_offset(), 0};
  const auto pass = [&] { cursor = {segment.base_offset() + 1, 0}; };

  const auto size = segment.size();
  const auto file = fs_.open(segment.file().path(), OpenMode::uncached_read_only);
  const auto end =
      static_cast<std::uint32_t>(std::min<std::uint64_t>(size, cursor.position + std::uint64_t{bytes_max}));
  const auto checked = file ? check_range(segment, **file, cursor.position, end) : Result<SegmentChecked>{file.error()};
  const bool replaced = !checked && (checked.error() == Errc::offset_out_of_range ||
                                     checked.error() == std::errc::no_such_file_or_directory);
  if (!checked) pass();
  if (replaced) return ScrubStep{};
  if (!checked) return checked.error();
  cursor.position = checked->end;
  if (checked->end >= size) {
    segment.integrity()->set_scrubbed(now);
    pass();
  }
  return ScrubStep{.bytes = checked->bytes_read, .done = false};
}

std::vector<DamagedRange> Log::damage() const {
  std::vector<DamagedRange> all;
  const auto start = log_start_offset();
  const auto list = state_->segments.list();  // keeps the segments while they are looked at
  for (const auto& segment : *list) {
    const auto known = segment->integrity()->damage();
    if (!known) continue;
    for (const auto& range : known->ranges()) {
      if (range.next_offset > start) all.push_back(range);
    }
  }
  return all;
}

}  // namespace sluice::storage

#include <algorithm>
#include <limits>

#include "storage/integrity/batch_scan.hpp"
#include "storage/log/log_state.hpp"
#include "storage/log/recovery.hpp"
#include "storage/segment/batch_search.hpp"

// The scan after an unclean stop: what lies past the recovery point, and the batches before it that no index entry
// leads to.

namespace sluice::storage {
namespace {

Offset limit_of(const SegmentList& list, std::size_t index) {
  if (index + 1 < list.size()) return list[index + 1]->base_offset();
  // As far as an index can name it.
  const std::int64_t reach = std::int64_t{std::numeric_limits<std::int32_t>::max()} + 1;
  const auto base = list[index]->base_offset().value();
  return Offset{base > std::numeric_limits<std::int64_t>::max() - reach ? std::numeric_limits<std::int64_t>::max()
                                                                        : base + reach};
}

}  // namespace

// Whether what is missing there had been synced, and still counts.
bool Log::Recovery::was_synced(Offset offset) const {
  return offset < opening_.recovery_point && opening_.recovery_point > opening_.log_start_offset;
}

Result<> Log::Recovery::scan() {
  auto& state = *log_.state_;
  report_.scanned = true;
  state.changed = true;
  if (const auto loaded = state.epochs.load(); loaded) known_epochs_ = LeaderEpochCache{state.epochs.entries()};
  const auto list = state.segments.segments();
  // One that ends at the very recovery point was synced while active, its indexes not.
  first_scanned_ = find_floor(list, opening_.recovery_point - 1).value_or(0);
  for (auto i = first_scanned_; i < list.size(); ++i) bytes_left_ += list[i]->size();
  if (opening_.progress) opening_.progress->bytes_left += bytes_left_;
  const auto scanned = scan_segments(list);
  if (opening_.progress) opening_.progress->bytes_left -= bytes_left_;
  return scanned;
}

Result<> Log::Recovery::scan_segments(const SegmentList& list) {
  auto& state = *log_.state_;
  for (auto i = first_scanned_; i < list.size(); ++i) {
    const auto end_offset = scan_segment(*list[i], limit_of(list, i));
    if (!end_offset) return end_offset.error();
    if (i + 1 == list.size()) return ends_damaged_ ? begin_after_damage(*list[i]) : Result<>{};
    // Segments follow each other without a gap, unless a log start lies between or a compaction emptied the end.
    const auto next_base = list[i + 1]->base_offset();
    const bool gap =
        !ends_damaged_ && !state.options.compacted && next_base > std::max(*end_offset, opening_.log_start_offset);
    if (torn_ || (gap && !was_synced(*end_offset))) return cut_after(i);
    if (gap && opening_.synced_one_by_one) return Errc::corrupt_batch;
    if (gap) {
      note_damage(*list[i], missing_batches(*list[i], *end_offset, next_base));
      list[i]->set_next_offset(next_base);
    }
    state.unsynced_sealed.push_back(list[i]);
  }
  return {};
}

DamagedRange Log::Recovery::missing_batches(const Segment& segment, Offset from, Offset to) {
  return {.segment_base = segment.base_offset(),
          .position = segment.size(),
          .end_position = segment.size(),
          .first_offset = from,
          .next_offset = to};
}

void Log::Recovery::note_damage(Segment& segment, const DamagedRange& range) {
  report_.damage.push_back(range);
  segment.note_damage(range);
}

// Makes the index entries of what lies at or past the recovery point, and of what no proven entry leads to, anew.
// Returns where the batches end; the tail from there on is cut if it is torn.
Result<Offset> Log::Recovery::scan_segment(Segment& segment, Offset limit) {
  torn_ = ends_damaged_ = false;
  const auto start = segment.begin_rebuild_from(opening_.synced_one_by_one ? Offset{0} : opening_.recovery_point);
  if (!start) return start.error();
  pass_bytes(start->position);
  const auto file = segment.file().open();
  if (!file) return file.error();
  BatchScan scan{**file,
                 {.position = start->position,
                  .end = segment.size(),
                  .expected = start->expected,
                  .limit = limit,
                  .epochs = known_epochs_ ? &*known_epochs_ : nullptr,
                  .leader_epoch = scanned_epochs_.empty() ? kNoLeaderEpoch : scanned_epochs_.back().leader_epoch}};
  while (true) {
    const auto position = scan.position();
    const auto batch = scan.next();
    if (batch && !*batch) break;
    if (batch) {
      if (const auto taken = segment.rebuild_with(**batch, position); !taken) return taken.error();
      note_epoch(**batch);
    } else {
      if (batch.error() != Errc::corrupt_batch) return batch.error();
      torn_ = !was_synced(scan.next_offset());
      if (torn_) break;
      if (const auto passed = pass_damage(segment, scan, limit); !passed) return passed.error();
    }
    report_.bytes_scanned += scan.position() - position;
    pass_bytes(scan.position() - position);
  }
  pass_bytes(segment.size() - scan.position());
  const auto end_offset = ends_damaged_ ? report_.damage.back().next_offset : scan.next_offset();
  segment.integrity()->found(start->position);
  if (torn_) {
    if (const auto cut = cut_tail(segment, scan.position(), end_offset); !cut) return cut.error();
  }
  segment.end_rebuild({scan.position(), end_offset});
  if (torn_) {
    names_removed_ = true;  // an index that was made anew must not be followed by the old one
    if (const auto forgotten = segment.forget_stale_entries(); !forgotten) return forgotten.error();
  }
  return end_offset;
}

// A damaged middle is never cut: what was synced stays for whoever can repair it.
Result<> Log::Recovery::pass_damage(Segment& segment, BatchScan& scan, Offset limit) {
  if (opening_.synced_one_by_one) return Errc::corrupt_batch;
  auto range = scan.skip_damage();
  if (!range) return range.error();
  range->segment_base = segment.base_offset();
  ends_damaged_ = range->end_position == segment.size();
  const bool last = &segment == log_.state_->segments.active().get();
  // What was lost at the log's end is known to reach the recovery point.
  if (ends_damaged_) range->next_offset = last ? std::max(opening_.recovery_point, range->first_offset) : limit;
  note_damage(segment, *range);
  return {};
}

Result<> Log::Recovery::cut_tail(Segment& segment, std::uint32_t position, Offset offset) {
  // Where one batch at most was being written, nothing sound can follow it.
  if (opening_.synced_one_by_one) {
    const auto more = holds_batch(segment.file(), position, segment.size(), offset);
    if (!more) return more.error();
    if (*more) return Errc::corrupt_batch;
  }
  report_.tail_bytes_cut += segment.size() - position;
  return segment.cut(position);
}

Result<> Log::Recovery::cut_after(std::size_t index) {
  const auto list = log_.state_->segments.segments();
  for (auto i = index + 1; i < list.size() && opening_.synced_one_by_one; ++i) {
    if (list[i]->size() > 0) return Errc::corrupt_batch;
  }
  for (auto i = index + 1; i < list.size(); ++i) report_.tail_bytes_cut += list[i]->size();
  names_removed_ = true;
  return log_.drop_segments_from(index + 1);
}

// Nothing goes behind bytes that can't be read: the file stays as it is, and the next records get offsets past those
// that are lost.
Result<> Log::Recovery::begin_after_damage(Segment& segment) {
  auto& state = *log_.state_;
  auto list = state.segments.segments();
  auto created =
      Segment::create(log_.resources_, log_.directory_, segment.end().next_offset, state.options, opening_.now);
  if (!created) return created.error();
  state.unsynced_sealed.push_back(list.back());
  state.directory_unsynced = true;
  list.push_back(std::move(*created));
  state.segments.replace(std::move(list));
  return {};
}

void Log::Recovery::pass_bytes(std::uint64_t bytes) {
  bytes_left_ -= bytes;
  if (opening_.progress) opening_.progress->bytes_left -= bytes;
}

}  // namespace sluice::storage

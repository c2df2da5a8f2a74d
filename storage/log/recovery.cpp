#include "storage/log/recovery.hpp"

#include <algorithm>

#include "storage/log/log_state.hpp"
#include "storage/segment/segment_name.hpp"
#include "storage/segment/tolerant_walk.hpp"

namespace sluice::storage {

Result<std::unique_ptr<Log>> Log::open(LogResources& resources, std::string directory, const LogOptions& options,
                                       const LogOpening& opening, RecoveryReport* report) {
  RecoveryReport unread;
  std::unique_ptr<Log> log{new Log{resources, std::move(directory), options}};
  log->health_.store(opening.health, std::memory_order_release);
  if (const auto recovered = Recovery{*log, opening, report ? *report : unread}.run(); !recovered)
    return recovered.error();
  return log;
}

Result<> Log::Recovery::run() {
  report_ = {};
  if (const auto made = make_directory(); !made) return made.error();
  if (const auto swapped = recover_swap(); !swapped) return swapped.error();
  if (const auto listed = take_inventory(); !listed) return listed.error();
  if (const auto opened = open_segments(); !opened) return opened.error();
  const bool trusted = opening_.clean_shutdown && trust_tails();
  if (!trusted) {
    if (const auto scanned = scan(); !scanned) return scanned.error();
  }
  if (const auto settled = settle_offsets(); !settled) return settled.error();
  if (const auto restored = restore_epochs(); !restored) return restored.error();
  auto& state = *log_.state_;
  if (const auto removed = state.snapshots.remove_stray(base_offsets_); !removed) return removed.error();
  if (state.snapshots.latest() > log_.log_end_offset()) names_removed_ = true;
  if (const auto removed = state.snapshots.remove_after(log_.log_end_offset()); !removed) return removed.error();
  if (names_removed_) {
    // What was removed must not come back after the next crash, among what is appended from now on.
    if (const auto synced = log_.fs_.sync_directory(log_.directory_); !synced) return synced.error();
  }
  if (const auto restored = restore_producers(); !restored) return restored.error();
  if (opening_.synced_one_by_one && !log_.damage().empty()) return Errc::corrupt_batch;
  // The process may have ended between making a segment and syncing its name; what is synced from here on needs it.
  if (report_.scanned) state.directory_unsynced = true;
  // Idle logs hold no descriptors: files come back on first use.
  for (const auto& segment : state.segments.segments()) {
    if (segment->was_rebuilt()) {
      if (const auto trimmed = segment->trim(); !trimmed) return trimmed.error();
      ++report_.indexes_rebuilt;
    }
    if (std::find(state.unsynced_sealed.begin(), state.unsynced_sealed.end(), segment) == state.unsynced_sealed.end())
      static_cast<void>(segment->try_park());
  }
  return {};
}

Result<> Log::Recovery::make_directory() {
  const auto exists = log_.fs_.exists(log_.directory_);
  if (!exists) return exists.error();
  if (*exists) return {};
  log_.state_->parent_unsynced = true;
  return log_.fs_.create_directories(log_.directory_);
}

Result<> Log::Recovery::take_inventory() {
  const auto entries = log_.fs_.list(log_.directory_);
  if (!entries) return entries.error();
  for (const auto& entry : *entries) {
    if (entry.is_directory) continue;
    if (const auto base_offset = parse_segment_name(entry.name, suffix::kLog)) base_offsets_.push_back(*base_offset);
    if (const auto offset = parse_segment_name(entry.name, suffix::kProducerSnapshot))
      log_.state_->snapshots.found(*offset);
    if (const auto offset = parse_segment_name(entry.name, suffix::kOffsetIndex)) with_index_.push_back(*offset);
    if (const auto offset = parse_segment_name(entry.name, suffix::kTransactionIndex)) with_aborts_.push_back(*offset);
  }
  return remove_orphans(*entries);
}

Result<> Log::Recovery::remove_orphans(const std::vector<DirectoryEntry>& entries) {
  const auto belongs_to_none = [&](const std::string& name, std::string_view suffix) {
    const auto base_offset = parse_segment_name(name, suffix);
    return base_offset && !std::binary_search(base_offsets_.begin(), base_offsets_.end(), *base_offset);
  };
  for (const auto& entry : entries) {
    const bool leftover = entry.name.ends_with(suffix::kDeleted) || entry.name.ends_with(suffix::kCleaned) ||
                          entry.name.ends_with(suffix::kTemporary);
    const bool orphan = belongs_to_none(entry.name, suffix::kOffsetIndex) ||
                        belongs_to_none(entry.name, suffix::kTimeIndex) ||
                        belongs_to_none(entry.name, suffix::kTransactionIndex);
    if (entry.is_directory || !(orphan || leftover)) continue;
    if (const auto removed = log_.fs_.remove(join_path(log_.directory_, entry.name)); !removed) return removed.error();
  }
  return {};
}

Result<> Log::Recovery::open_segments() {
  auto& state = *log_.state_;
  SegmentList list;
  for (std::size_t i = 0; i < base_offsets_.size(); ++i) {
    auto segment = Segment::open(log_.resources_, log_.directory_, base_offsets_[i], state.options, opening_.now);
    if (!segment) return segment.error();
    if (i + 1 < base_offsets_.size()) (*segment)->set_next_offset(base_offsets_[i + 1]);
    find_transactions(**segment);
    list.push_back(std::move(*segment));
  }
  if (list.empty()) {
    auto created =
        Segment::create(log_.resources_, log_.directory_, opening_.log_start_offset, state.options, opening_.now);
    if (!created) return created.error();
    state.directory_unsynced = true;
    list.push_back(std::move(*created));
  }
  state.segments.replace(std::move(list));
  return {};
}

Result<> Log::Recovery::trust_tails() { return log_.state_->segments.active()->load_tail(); }

Result<> Log::Recovery::settle_offsets() {
  auto& state = *log_.state_;
  const auto first_base = state.segments.segments().front()->base_offset();
  const auto log_start = std::max(opening_.log_start_offset, first_base);
  auto log_end = state.segments.active()->end().next_offset;
  log_.log_end_offset_.store(log_end.value());
  if (log_end < log_start) {
    // Everything here was deleted by a higher log start; the files go with the next deletion.
    if (const auto rolled = log_.roll_to(log_start, opening_.now); !rolled) return rolled.error();
    log_end = log_start;
  }
  if (const auto discarded = discard_before_gap(log_start); !discarded) return discarded.error();
  const auto synced_end = report_.scanned ? std::min(std::max(opening_.recovery_point, log_start), log_end) : log_end;
  log_.log_end_offset_.store(log_end.value());
  log_.log_start_offset_.store(log_start.value());
  log_.synced_end_offset_.store(synced_end.value());
  log_.recovery_point_was_stored(opening_.recovery_point);
  return {};
}

// Below the log start records may have been lost, among them markers: what lies before them must not speak for
// producers any more.
Result<> Log::Recovery::discard_before_gap(Offset log_start) {
  auto kept = log_.state_->segments.segments();
  std::size_t first = 0;
  for (std::size_t i = 1; i < kept.size() && kept[i]->base_offset() <= log_start; ++i) {
    if (kept[i - 1]->end().next_offset < kept[i]->base_offset()) first = i;
  }
  if (first == 0) return {};
  const auto gap = kept.begin() + static_cast<std::ptrdiff_t>(first);
  const SegmentList discarded(kept.begin(), gap);
  kept.erase(kept.begin(), gap);
  log_.state_->segments.replace(std::move(kept));
  first_scanned_ -= std::min(first_scanned_, first);
  names_removed_ = true;
  return log_.discard(discarded);
}

void Log::Recovery::note_epoch(const record::BatchView& header) {
  const auto leader_epoch = header.partition_leader_epoch();
  if (leader_epoch > (scanned_epochs_.empty() ? kNoLeaderEpoch : scanned_epochs_.back().leader_epoch))
    scanned_epochs_.push_back({leader_epoch, header.base_offset()});
}

Result<> Log::Recovery::restore_epochs() {
  auto& epochs = log_.state_->epochs;
  if (!opening_.keeps_epochs) epochs.keep_in_memory();
  if (const auto loaded = epochs.load(); !loaded) {
    if (loaded.error() != std::errc::no_such_file_or_directory && loaded.error() != Errc::corrupt_checkpoint)
      return loaded.error();
    if (const auto collected = collect_epochs_of_all(); !collected) return collected.error();
  }
  return epochs.reconcile(scanned_epochs_, log_.log_start_offset(), log_.log_end_offset());
}

Result<> Log::Recovery::collect_epochs_of_all() {
  scanned_epochs_.clear();
  for (const auto& segment : log_.state_->segments.segments()) {
    HeaderWalker walker{segment->file(), 0, segment->size(), ReadMode::may_wait, segment->integrity()->damage()};
    auto expected = segment->base_offset();
    while (true) {
      const auto step = next_or_past_damage(*segment, walker, expected);
      if (!step) return step.error();
      if (!*step) break;
      note_epoch((*step)->header);
    }
  }
  return {};
}

}  // namespace sluice::storage

#include "storage/log/recovery.hpp"

#include <algorithm>

#include "storage/log/log_state.hpp"
#include "storage/segment/batch_reader.hpp"
#include "storage/segment/batch_search.hpp"
#include "storage/segment/header_walker.hpp"
#include "storage/segment/segment_name.hpp"

namespace sluice::storage {

Result<std::unique_ptr<Log>> Log::open(LogResources& resources, std::string directory, const LogOptions& options,
                                       const LogOpening& opening, RecoveryReport* report) {
  RecoveryReport unread;
  std::unique_ptr<Log> log{new Log{resources, std::move(directory), options}};
  if (const auto recovered = Recovery{*log, opening, report ? *report : unread}.run(); !recovered)
    return recovered.error();
  return log;
}

Result<> Log::Recovery::run() {
  report_ = {};
  if (const auto made = make_directory(); !made) return made.error();
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
  if (const auto reloaded = log_.reload_producers(); !reloaded) return reloaded.error();
  // Idle logs hold no descriptors: files come back on first use.
  for (const auto& segment : state.segments.segments()) {
    if (segment->was_rebuilt()) {
      if (const auto trimmed = segment->trim(); !trimmed) return trimmed.error();
      ++report_.indexes_rebuilt;
    }
    if (std::find(state.unsynced_sealed.begin(), state.unsynced_sealed.end(), segment) == state.unsynced_sealed.end())
      segment->park();
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
  }
  return remove_orphans(*entries);
}

// While a `.swap` is there, a compaction was about to replace segments, and the only copy may bear any of the names.
Result<> Log::Recovery::remove_orphans(const std::vector<DirectoryEntry>& entries) {
  const bool swapping = std::any_of(entries.begin(), entries.end(),
                                    [](const DirectoryEntry& entry) { return entry.name.ends_with(suffix::kSwap); });
  const auto belongs_to_none = [&](const std::string& name, std::string_view suffix) {
    const auto base_offset = parse_segment_name(name, suffix);
    return base_offset && !std::binary_search(base_offsets_.begin(), base_offsets_.end(), *base_offset);
  };
  for (const auto& entry : entries) {
    const bool leftover = entry.name.ends_with(suffix::kDeleted) || entry.name.ends_with(suffix::kCleaned);
    const bool orphan = belongs_to_none(entry.name, suffix::kOffsetIndex) ||
                        belongs_to_none(entry.name, suffix::kTimeIndex) ||
                        belongs_to_none(entry.name, suffix::kTransactionIndex);
    if (entry.is_directory || !(orphan || (leftover && !swapping))) continue;
    if (const auto removed = log_.fs_.remove(join_path(log_.directory_, entry.name)); !removed) return removed.error();
  }
  return {};
}

Result<> Log::Recovery::open_segments() {
  auto& state = *log_.state_;
  SegmentList list;
  for (std::size_t i = 0; i < base_offsets_.size(); ++i) {
    auto segment = Segment::open(log_.fs_, log_.directory_, base_offsets_[i], state.options, opening_.now);
    if (!segment) return segment.error();
    if (i + 1 < base_offsets_.size()) (*segment)->set_next_offset(base_offsets_[i + 1]);
    list.push_back(std::move(*segment));
  }
  if (list.empty()) {
    auto created = Segment::create(log_.fs_, log_.directory_, opening_.log_start_offset, state.options, opening_.now);
    if (!created) return created.error();
    state.directory_unsynced = true;
    list.push_back(std::move(*created));
  }
  state.segments.replace(std::move(list));
  return {};
}

Result<> Log::Recovery::trust_tails() { return log_.state_->segments.active()->load_tail(); }

Result<> Log::Recovery::scan() {
  auto& state = *log_.state_;
  report_.scanned = true;
  state.changed = true;
  const auto list = state.segments.segments();
  // One that ends at the very recovery point was synced while active, its indexes not.
  first_scanned_ = find_floor(list, opening_.recovery_point - 1).value_or(0);
  for (auto i = first_scanned_; i < list.size(); ++i) {
    const auto end_offset = scan_segment(*list[i]);
    if (!end_offset) return end_offset.error();
    const bool last = i + 1 == list.size();
    // Segments follow each other without a gap, unless a log start lies between: a gap is a lost tail.
    const bool gap = !last && list[i + 1]->base_offset() > std::max(*end_offset, opening_.log_start_offset);
    const bool overlap = !last && list[i + 1]->base_offset() < *end_offset;
    if (overlap) return Errc::corrupt_batch;
    if ((damaged_ || gap) && !last) {
      if (*end_offset < opening_.recovery_point && opening_.recovery_point > opening_.log_start_offset)
        return Errc::corrupt_batch;
      return cut_after(i);
    }
    if (!last) state.unsynced_sealed.push_back(list[i]);
  }
  return {};
}

// Rebuilds the indexes from every batch and checks those at or past the recovery point. Returns where the sound ones
// end.
Result<Offset> Log::Recovery::scan_segment(Segment& segment) {
  if (const auto begun = segment.begin_rebuild(); !begun) return begun.error();
  BatchReader reader{*segment.file(), 0, segment.size()};
  auto end_offset = segment.base_offset();
  auto end_position = reader.position();
  damaged_ = false;
  while (true) {
    const auto batch = reader.next();
    if (!batch && batch.error() != Errc::corrupt_batch) return batch.error();
    if (batch && !*batch) break;
    damaged_ = !batch || (*batch)->base_offset() < end_offset ||
               (*batch)->last_offset() - segment.base_offset() > std::numeric_limits<std::int32_t>::max() ||
               ((*batch)->last_offset() >= opening_.recovery_point && !(*batch)->crc_matches());
    if (damaged_) break;
    if (const auto taken = segment.rebuild_with(**batch, end_position); !taken) return taken.error();
    note_epoch(**batch);
    end_offset = (*batch)->next_offset();
    end_position = reader.position();
  }
  report_.bytes_scanned += end_position;
  if (damaged_) {
    // A damaged middle is never cut: what was synced stays for whoever can repair it.
    if (end_offset < opening_.recovery_point && opening_.recovery_point > opening_.log_start_offset)
      return Errc::corrupt_batch;
    if (const auto torn = check_torn(segment, end_position, end_offset); !torn) return torn.error();
    report_.tail_bytes_cut += segment.size() - end_position;
    if (const auto cut = segment.cut(end_position); !cut) return cut.error();
  }
  segment.end_rebuild({end_position, end_offset});
  return end_offset;
}

// Where one batch at most was being written, nothing sound can follow it.
Result<> Log::Recovery::check_torn(const Segment& segment, std::uint32_t position, Offset offset) const {
  if (!opening_.synced_one_by_one) return {};
  const auto more = holds_batch(*segment.file(), position, segment.size(), offset);
  if (!more) return more.error();
  if (*more) return Errc::corrupt_batch;
  return {};
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
  const auto synced_end = report_.scanned ? std::min(std::max(opening_.recovery_point, log_start), log_end) : log_end;
  log_.log_end_offset_.store(log_end.value());
  log_.log_start_offset_.store(log_start.value());
  log_.synced_end_offset_.store(synced_end.value());
  return {};
}

void Log::Recovery::note_epoch(const record::BatchView& header) {
  const auto leader_epoch = header.partition_leader_epoch();
  if (leader_epoch > (scanned_epochs_.empty() ? kNoLeaderEpoch : scanned_epochs_.back().leader_epoch))
    scanned_epochs_.push_back({leader_epoch, header.base_offset()});
}

Result<> Log::Recovery::restore_epochs() {
  auto& epochs = log_.state_->epochs;
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
    HeaderWalker walker{*segment->file(), 0, segment->size()};
    while (true) {
      const auto step = walker.next();
      if (!step) return step.error();
      if (!*step) break;
      note_epoch((*step)->header);
    }
  }
  return {};
}

// The latest snapshot, then every batch from there on: equal to having applied each when it was appended.
Result<> Log::reload_producers() {
  auto& state = *state_;
  state.producers.clear();
  auto loaded = state.snapshots.load_latest();
  if (!loaded) return loaded.error();
  auto from = state.segments.segments().front()->base_offset();
  if (*loaded) {
    state.producers = std::move((*loaded)->state);
    from = std::max(from, (*loaded)->offset);
  }
  const auto& list = state.segments.segments();
  std::vector<std::byte> buffer;
  for (auto i = find_floor(list, from).value_or(0); i < list.size() && from < log_end_offset(); ++i) {
    const auto position = list[i]->floor_position(from);
    if (!position) return position.error();
    HeaderWalker walker{*list[i]->file(), *position, list[i]->size()};
    while (true) {
      const auto step = walker.next();
      if (!step) return step.error();
      if (!*step) break;
      const auto& header = (*step)->header;
      if (header.base_offset() < from || !header.has_producer()) continue;
      if (!header.is_control()) {
        state.producers.apply(header);
        continue;
      }
      const auto marker = read_batch(*list[i]->file(), (*step)->position, header.size(), buffer);
      if (!marker) return marker.error();
      state.producers.apply(*marker);
    }
  }
  return {};
}

}  // namespace sluice::storage

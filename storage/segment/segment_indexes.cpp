#include "protocol/base/assert.hpp"
#include "storage/errc.hpp"
#include "storage/segment/header_walker.hpp"
#include "storage/segment/roll_policy.hpp"
#include "storage/segment/segment.hpp"

// Loading, rebuilding and cutting: what a segment does when it is not simply appended to.

namespace sluice::storage {

Result<> Segment::ensure_indexes() {
  const auto use = use_indexes();
  if (!use) return use.error();
  return {};
}

// Registered before it is locked, as OpenSegments may close other segments meanwhile, or this one before the lock.
Result<Segment::IndexesInUse> Segment::use_indexes() {
  while (true) {
    if (ring_index_.load(std::memory_order_acquire) == kNotRegistered) resources_.open_segments.add(*this);
    if (!used_.load(std::memory_order_relaxed)) used_.store(true, std::memory_order_relaxed);
    IndexesInUse use{index_mutex_};
    if (indexes_loaded_) return use;
    use.unlock();
    if (const auto loaded = load_or_rebuild_indexes(); !loaded) return loaded.error();
  }
}

Result<> Segment::load_or_rebuild_indexes() {
  const std::unique_lock lock{index_mutex_};
  if (indexes_loaded_) return {};
  if (const auto loaded = load_indexes(); !loaded) {
    if (loaded.error() != Errc::corrupt_index) return loaded.error();
    if (const auto rebuilt = rebuild_indexes(); !rebuilt) return rebuilt.error();
  }
  indexes_loaded_ = indexes_known_ = true;
  return {};
}

// A missing index, or a time index without an entry for a segment with data, is one in doubt.
Result<> Segment::load_indexes() {
  if (const auto loaded = offset_index_.file().load(); !loaded) return loaded.error();
  if (const auto loaded = time_index_.file().load(); !loaded) return loaded.error();
  if (indexes_known_) return {};
  if (size() > 0 && (!offset_index_.file().is_present() || time_index_.count() == 0)) return Errc::corrupt_index;
  if (const auto sound = offset_index_.check(size()); !sound) return sound.error();
  if (const auto sound = time_index_.check(); !sound) return sound.error();
  if (const auto last = time_index_.last(); last && last->timestamp > largest_.timestamp) publish(end(), *last);
  return {};
}

Result<> Segment::rebuild_indexes() {
  const auto whole = end();
  const bool end_unknown = whole.next_offset == base_offset_;  // recovery scans it when something is wrong
  auto taken = take_all_batches();
  if (!taken && taken.error() == Errc::corrupt_batch && !end_unknown) {
    if (const auto found = find_damage(); !found) return found.error();
    taken = take_all_batches();
  }
  if (!taken) return taken.error();
  publish(whole, largest_);
  rebuilt_ = true;
  if (time_index_.file().ensure_room(1, index_bytes_)) time_index_.append_if_later(largest_);
  if (const auto trimmed = offset_index_.file().trim(); !trimmed) return trimmed.error();
  return time_index_.file().trim();
}

// Errors: corrupt_batch at damage that is not known yet.
Result<> Segment::take_all_batches() {
  if (const auto begun = begin_rebuild(); !begun) return begun.error();
  HeaderWalker walker{file_, 0, size(), ReadMode::may_wait, integrity_->damage()};
  auto next_offset = base_offset_;
  while (true) {
    const auto step = walker.next();
    if (!step) return step.error();
    if (!*step) return {};
    const auto& header = (*step)->header;
    if (header.base_offset() < next_offset || !is_in_reach(*this, header.last_offset())) return Errc::corrupt_batch;
    next_offset = header.next_offset();
    if (const auto taken = rebuild_with((*step)->header, (*step)->position); !taken) return taken.error();
  }
}

Result<> Segment::begin_rebuild() {
  offset_index_.file().unload();
  time_index_.file().unload();
  if (const auto removed = offset_index_.file().remove(); !removed) return removed.error();
  if (const auto removed = time_index_.file().remove(); !removed) return removed.error();
  bytes_since_entry_ = 0;
  largest_ = {kNoTimestamp, base_offset_};
  return {};
}

Result<> Segment::rebuild_with(const record::BatchView& header, std::uint32_t position) {
  // A sparse index may stop early; what was kept of it may name a batch that turned out to be damaged.
  const auto last = offset_index_.last();
  const auto room = has_room(1) && (!last || (header.last_offset() > last->offset && position > last->position));
  if (room) {
    if (const auto ensured = ensure_index_room(header.size(), 1); !ensured) return ensured.error();
  }
  index_batch(header, position, room);
  return {};
}

void Segment::end_rebuild(SegmentEnd end) {
  publish(end, largest_);
  rebuilt_ = indexes_loaded_ = indexes_known_ = true;
}

Result<> Segment::load_tail() {
  if (size() == 0) {
    indexes_loaded_ = indexes_known_ = true;  // whatever a crash left of them
    return {};
  }
  const auto use = use_indexes();
  if (!use) return use.error();
  return walk_tail();
}

// Every batch up to the last index entry is covered by the time index; those after it are looked at. The entry must be
// that of the batch it points to, as nothing checked it and what is appended later goes behind it.
Result<> Segment::walk_tail() {
  const auto entry = offset_index_.last();
  const auto time = time_index_.last();
  largest_ = time ? *time : TimestampOffset{kNoTimestamp, base_offset_};
  auto next_offset = base_offset_;
  HeaderWalker walker{file_, entry ? entry->position : 0, size(), ReadMode::may_wait, integrity_->damage()};
  while (true) {
    const auto step = walker.next();
    if (!step) return step.error();
    if (!*step) break;
    const auto& header = (*step)->header;
    const bool contradicts_entry =
        entry && (*step)->position == entry->position && header.last_offset() != entry->offset;
    if (header.base_offset() < next_offset || !is_in_reach(*this, header.last_offset()) || contradicts_entry)
      return Errc::corrupt_batch;
    if (header.max_timestamp() > largest_.timestamp) largest_ = {header.max_timestamp(), header.last_offset()};
    next_offset = header.next_offset();
  }
  publish({size(), next_offset}, largest_);
  return {};
}

Result<Offset> Segment::truncate_to(Offset offset) {
  const auto use = use_indexes();
  if (!use) return use.error();
  auto position = offset_index_.lower_entry(offset).position;
  HeaderWalker walker{file_, position, size(), ReadMode::may_wait, integrity_->damage()};
  while (true) {
    const auto step = walker.next();
    if (!step) return step.error();
    if (!*step) break;
    if ((*step)->header.last_offset() >= offset) break;
    position = (*step)->end();
  }
  offset_index_.truncate_to(offset);
  time_index_.truncate_to(offset);
  if (const auto forgotten = forget_stale_entries(); !forgotten) return forgotten.error();
  if (const auto cut_back = transactions_.truncate_to(offset, end().next_offset); !cut_back) return cut_back.error();
  if (const auto done = cut(position); !done) return done.error();
  if (position == 0) first_timestamp_.reset();
  bytes_since_entry_ = 0;
  if (const auto walked = walk_tail(); !walked) return walked.error();
  return end().next_offset;
}

Result<> Segment::cut(std::uint32_t size) {
  const auto file = file_.open();
  if (!file) return file.error();
  publish({size, end().next_offset}, largest_);  // readers leave the range before it goes
  if (const auto truncated = (*file)->truncate(size); !truncated) return truncated.error();
  reserved_bytes_ = 0;
  if (const auto synced = (*file)->sync_data(); !synced) return synced.error();
  synced_size_.store(size, std::memory_order_relaxed);
  integrity_->cut(size);
  return {};
}

}  // namespace sluice::storage

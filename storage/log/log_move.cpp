#include "storage/log/log_move.hpp"

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "storage/checkpoint/copy_generation.hpp"
#include "storage/checkpoint/leader_epoch_checkpoint.hpp"
#include "storage/checkpoint/partition_metadata.hpp"
#include "storage/log/log_state.hpp"
#include "storage/segment/segment_name.hpp"

namespace sluice::storage {
namespace {

constexpr std::size_t kChunkBytes = std::size_t{1} << 20;
constexpr int kRoundsMax = 3;                                // of catching up after the roll
constexpr auto kRestLockedMax = 4 * LogMove::kRestBytesMax;  // copied while appends wait

bool is_missing(std::error_code error) noexcept { return error == std::errc::no_such_file_or_directory; }

/// Files beside the `.log`s that are copied as they are. Those of the active segment are made anew.
bool is_side_file(std::string_view name, Offset active) {
  for (const auto suffix : {suffix::kOffsetIndex, suffix::kTimeIndex, suffix::kTransactionIndex}) {
    if (const auto base_offset = parse_segment_name(name, suffix)) return *base_offset < active;
  }
  return parse_segment_name(name, suffix::kProducerSnapshot).has_value() || name == kPartitionMetadataFile;
}

}  // namespace

LogMove::LogMove(std::shared_ptr<Log> log, MoveTarget target)
    : log_(std::move(log)), target_(std::move(target)), fs_(log_->fs_), original_(log_->directory()) {}

Result<bool> LogMove::copy(std::uint64_t bytes_max) {
  if (log_->is_offline()) return {boost::system::in_place_error, make_error_code(Errc::log_offline)};
  const auto list = log_->state_->segments.list();
  if (const auto forgotten = forget_dropped(*list); !forgotten) {
    return {boost::system::in_place_error, forgotten.error()};
  }
  auto budget = bytes_max;
  for (const auto& segment : *list) {
    if (const auto copied = copy_segment(segment, segment == list->back(), budget); !copied) {
      // Deleted or replaced since the list was taken: the next look tells.
      if (is_missing(copied.error()) && log_->state_->segments.list() != list) return false;
      return {boost::system::in_place_error, copied.error()};
    }
    if (budget == 0) return false;
  }
  return missing_bytes(*log_->state_->segments.list()) <= kRestBytesMax;
}

Result<> LogMove::forget_dropped(const SegmentList& list) {
  for (auto copy = copies_.begin(); copy != copies_.end();) {
    const bool kept = std::find(list.begin(), list.end(), copy->second.source) != list.end();
    if (kept) {
      ++copy;
      continue;
    }
    const auto removed = fs_.remove(segment_path(target_.future, copy->first, suffix::kLog));
    if (!removed) return removed;
    copy = copies_.erase(copy);
  }
  return {};
}

Result<> LogMove::copy_segment(const std::shared_ptr<Segment>& segment, bool active, std::uint64_t& budget) {
  auto& copy = copies_[segment->base_offset()];
  const auto size = segment->size();
  // Cut, and perhaps written again: only what was sealed and still is stays as it was copied.
  const bool was_cut = size < copy.bytes || (copy.sealed && (active || size != copy.bytes));
  if (copy.source != segment || was_cut) {
    copy = Copy{};
    auto file = fs_.open(segment_path(target_.future, segment->base_offset(), suffix::kLog), OpenMode::create);
    if (!file) return file.error();
    if (const auto emptied = (*file)->truncate(0); !emptied) return emptied;
    copy.source = segment;
    copy.file = std::move(*file);
  }
  if (copy.sealed) return {};
  const auto end = copy.bytes + std::min(budget, size - copy.bytes);
  budget -= end - copy.bytes;
  if (const auto copied = copy_bytes(*segment, copy, end); !copied) return copied;
  if (active || copy.bytes < segment->size()) return {};
  if (const auto synced = copy.file->sync_data(); !synced) return synced;
  copy.sealed = true;
  copy.file.reset();  // there may be thousands
  copied_end_.store(segment->end().next_offset.value(), std::memory_order_relaxed);
  return {};
}

Result<> LogMove::copy_bytes(const Segment& segment, Copy& copy, std::uint64_t end) {
  if (copy.bytes == end) return {};
  const auto source = segment.file().open();
  if (!source) return source.error();
  std::vector<std::byte> buffer(std::min<std::uint64_t>(kChunkBytes, end - copy.bytes));
  while (copy.bytes < end) {
    const MutableBytes chunk{buffer.data(), std::min<std::size_t>(buffer.size(), end - copy.bytes)};
    const auto count = (*source)->read_at(copy.bytes, chunk);
    if (!count) return count.error();
    if (*count != chunk.size()) return Errc::corrupt_batch;
    if (const auto written = copy.file->write_at(copy.bytes, ByteView{chunk}); !written) return written;
    copy.bytes += chunk.size();
    bytes_copied_.fetch_add(chunk.size(), std::memory_order_relaxed);
  }
  return {};
}

std::uint64_t LogMove::missing_bytes(const SegmentList& list) const {
  std::uint64_t missing = 0;
  for (const auto& segment : list) {
    const auto copy = copies_.find(segment->base_offset());
    const bool known = copy != copies_.end() && copy->second.source == segment;
    missing += segment->size() - std::min<std::uint64_t>(known ? copy->second.bytes : 0, segment->size());
  }
  return missing;
}

Result<bool> LogMove::finish(Timestamp now) {
  const auto failed = [](std::error_code error) -> Result<bool> { return {boost::system::in_place_error, error}; };
  auto& state = *log_->state_;
  if (state.segments.list()->back()->size() > 0) {
    if (const auto rolled = log_->roll(now); !rolled) return failed(rolled.error());
  }
  for (int round = 0; round < kRoundsMax; ++round) {
    const auto copied = copy(std::numeric_limits<std::uint64_t>::max());
    if (!copied) return copied;
    if (*copied) break;
  }
  const auto list = state.segments.list();
  if (const auto copied = copy_side_files(*list); !copied) {
    if (is_missing(copied.error()) && state.segments.list() != list) return false;
    return failed(copied.error());
  }
  if (const auto marked = mark_copies(); !marked) return failed(marked.error());

  const std::lock_guard sync_lock{state.sync_mutex};
  const std::lock_guard lock{state.append_mutex};
  return finish_locked(now);
}

Result<> LogMove::copy_side_files(const SegmentList& list) {
  const auto entries = fs_.list(original_);
  if (!entries) return entries.error();
  for (const auto& entry : *entries) {
    if (entry.is_directory || !is_side_file(entry.name, list.back()->base_offset())) continue;
    if (const auto copied = copy_file(entry.name); !copied) return copied;
  }
  return {};
}

Result<> LogMove::copy_file(const std::string& name) {
  const auto content = read_file(fs_, join_path(original_, name));
  if (!content) return content.error();
  const auto file = fs_.open(join_path(target_.future, name), OpenMode::create);
  if (!file) return file.error();
  if (const auto emptied = (*file)->truncate(0); !emptied) return emptied;
  if (const auto written = (*file)->write_at(0, as_byte_view(*content)); !written) return written;
  return (*file)->sync_data();
}

// From here until the end a crash leaves two copies, or one of which it is noted that there may be a newer one.
Result<> LogMove::mark_copies() {
  const auto known = read_copy_generation(fs_, original_);
  if (!known) return known.error();
  generation_ = known->generation;
  const CopyGeneration original{.generation = generation_, .moving_to = target_.data_directory_id};
  if (const auto marked = write_copy_generation(fs_, original_, original); !marked) return marked;
  return write_copy_generation(fs_, target_.future, {.generation = generation_ + 1});
}

Result<bool> LogMove::finish_locked(Timestamp now) {
  const auto failed = [](std::error_code error) -> Result<bool> { return {boost::system::in_place_error, error}; };
  auto& log = *log_;
  auto& state = *log.state_;
  if (log.is_offline()) return failed(Errc::log_offline);
  const auto list = state.segments.segments();
  const auto& active = list.back();
  for (const auto& segment : list) {
    const auto copy = copies_.find(segment->base_offset());
    const bool known = copy != copies_.end() && copy->second.source == segment;
    if (!known || (segment != active && !copy->second.sealed)) return false;
  }
  if (copies_.size() != list.size() || missing_bytes(list) > kRestLockedMax) return false;
  auto& rest = copies_.at(active->base_offset());
  if (active->size() < rest.bytes) return false;
  if (const auto copied = copy_bytes(*active, rest, active->size()); !copied) return failed(copied.error());
  if (const auto synced = rest.file->sync_data(); !synced) return failed(synced.error());
  const auto transactions = segment_path("", active->base_offset(), suffix::kTransactionIndex);
  if (const auto copied = copy_file(transactions); !copied && !is_missing(copied.error())) {
    return failed(copied.error());
  }
  if (const auto epochs = state.epochs.entries(); !epochs.empty()) {
    const auto path = join_path(target_.future, kLeaderEpochCheckpoint);
    if (const auto written = write_leader_epoch_checkpoint(fs_, path, epochs); !written) return failed(written.error());
  }
  if (const auto synced = fs_.sync_directory(target_.future); !synced) return failed(synced.error());
  if (const auto taken = take_place(); !taken) {
    go_on_with_original();
    return failed(taken.error());
  }
  auto copies = open_copies(list, now);
  if (!copies) {
    log.take_offline(copies.error());  // the copy is the partition now, and can't be used
    return failed(copies.error());
  }
  switch_to(std::move(*copies));
  return true;
}

// Durable when it returns; when it fails, nobody knows which of the two a crash would leave.
Result<> LogMove::take_place() {
  if (const auto renamed = fs_.rename(target_.future, target_.directory); !renamed) return renamed;
  return fs_.sync_directory(parent_path(target_.directory));
}

void LogMove::go_on_with_original() {
  const auto marked = write_copy_generation(fs_, original_, {.generation = generation_ + 2});
  if (!marked) log_->take_offline(marked.error());
}

Result<SegmentList> LogMove::open_copies(const SegmentList& list, Timestamp now) const {
  auto& log = *log_;
  SegmentList copies;
  for (std::size_t i = 0; i < list.size(); ++i) {
    auto copy = Segment::open(log.resources_, target_.directory, list[i]->base_offset(), log.state_->options, now);
    if (!copy) return copy.error();
    if (i + 1 < list.size()) (*copy)->set_next_offset(list[i + 1]->base_offset());
    (*copy)->transactions().expect_as(list[i]->transactions(), (*copy)->place());
    copies.push_back(std::move(*copy));
  }
  if (const auto loaded = copies.back()->load_tail(); !loaded) return loaded.error();
  const bool whole = copies.back()->size() == list.back()->size() &&
                     (copies.back()->size() == 0 || copies.back()->end().next_offset == log.log_end_offset());
  if (!whole) return Errc::corrupt_batch;
  return copies;
}

// Readers find the files of the old list gone and look again, as after a truncation.
void LogMove::switch_to(SegmentList copies) {
  auto& log = *log_;
  auto& state = *log.state_;
  state.truncations.fetch_add(1, std::memory_order_acq_rel);
  state.segments.replace(std::move(copies));
  {
    const std::lock_guard lock{state.directory_mutex};
    log.directory_ = target_.directory;
  }
  state.epochs.move_to(target_.directory);
  state.snapshots.move_to(target_.directory);
  state.unsynced_sealed.clear();
  state.directory_unsynced = false;
  state.parent_unsynced = false;
  state.changed = true;
  log.health_.store(target_.health, std::memory_order_release);
  raise_to(log.synced_end_offset_, log.log_end_offset());
  state.truncations.fetch_add(1, std::memory_order_acq_rel);
}

Result<std::string> LogMove::retire_original(const std::string& name) {
  const auto parent = parent_path(original_);
  auto path = join_path(parent, name);
  if (const auto renamed = fs_.rename(original_, path); !renamed) return renamed.error();
  if (const auto synced = fs_.sync_directory(parent); !synced) return synced.error();
  return path;
}

}  // namespace sluice::storage

#include "storage/segment/segment.hpp"

#include <algorithm>

#include "protocol/base/assert.hpp"
#include "storage/errc.hpp"
#include "storage/segment/header_walker.hpp"
#include "storage/segment/segment_name.hpp"

namespace sluice::storage {
namespace {

// Reserving pays once a segment is really written to; small logs stay small.
constexpr std::uint64_t kReserveFromBytes = 1U << 20;
constexpr std::uint64_t kReserveAheadBytesMax = 64U << 20;
constexpr std::uint32_t kIndexBytesMin = 4 * TimeIndex::kEntryBytes;

}  // namespace

Segment::Segment(LogResources& resources, const std::string& directory, Offset base_offset, const LogOptions& options,
                 Timestamp now)
    : resources_(resources),
      directory_(directory),
      base_offset_(base_offset),
      segment_bytes_(options.segment_bytes),
      index_interval_bytes_(options.index_interval_bytes),
      index_bytes_(std::max(options.segment_index_bytes, kIndexBytesMin)),
      preallocate_(options.preallocate),
      created_(now),
      file_(resources.fs, segment_path(directory, base_offset, suffix::kLog)),
      offset_index_(resources.fs, segment_path(directory, base_offset, suffix::kOffsetIndex), base_offset),
      time_index_(resources.fs, segment_path(directory, base_offset, suffix::kTimeIndex), base_offset),
      largest_{kNoTimestamp, base_offset} {
  publish({0, base_offset}, largest_);
}

Segment::~Segment() { resources_.open_segments.remove(*this); }

Result<std::shared_ptr<Segment>> Segment::create(LogResources& resources, const std::string& directory,
                                                 Offset base_offset, const LogOptions& options, Timestamp now) {
  std::shared_ptr<Segment> segment{new Segment{resources, directory, base_offset, options, now}};
  if (const auto file = resources.fs.open(segment->file_.path(), OpenMode::create_new); !file) return file.error();
  segment->indexes_loaded_ = segment->indexes_known_ = true;  // there are none yet
  return segment;
}

Result<std::shared_ptr<Segment>> Segment::open(LogResources& resources, const std::string& directory,
                                               Offset base_offset, const LogOptions& options, Timestamp now) {
  std::shared_ptr<Segment> segment{new Segment{resources, directory, base_offset, options, now}};
  const auto file = resources.fs.open(segment->file_.path(), OpenMode::existing);
  if (!file) return file.error();
  const auto size = (*file)->size();
  if (!size) return size.error();
  if (*size > std::numeric_limits<std::int32_t>::max()) return Errc::corrupt_batch;
  segment->synced_size_.store(static_cast<std::uint32_t>(*size), std::memory_order_relaxed);
  segment->publish({static_cast<std::uint32_t>(*size), base_offset}, segment->largest_);
  segment->integrity_->found(segment->size());
  return segment;
}

SegmentEnd Segment::end() const noexcept {
  while (true) {
    const auto before = version_.load(std::memory_order_acquire);
    const SegmentEnd end{size_.load(std::memory_order_acquire), Offset{next_offset_.load(std::memory_order_acquire)}};
    if (before % 2 == 0 && version_.load(std::memory_order_relaxed) == before) return end;
  }
}

// Once known it is kept, so that looking at the ages of cold segments opens nothing.
Result<TimestampOffset> Segment::largest_timestamp() {
  if (largest_timestamp_.load(std::memory_order_acquire) == kNoTimestamp.value()) {
    if (const auto loaded = ensure_indexes(); !loaded) return loaded.error();
  }
  while (true) {
    const auto before = version_.load(std::memory_order_acquire);
    const TimestampOffset largest{Timestamp{largest_timestamp_.load(std::memory_order_acquire)},
                                  Offset{largest_timestamp_offset_.load(std::memory_order_acquire)}};
    if (before % 2 == 0 && version_.load(std::memory_order_relaxed) == before) return largest;
  }
}

void Segment::publish(SegmentEnd end, TimestampOffset largest) noexcept {
  largest_ = largest;
  const auto version = version_.load(std::memory_order_relaxed);
  version_.store(version + 1, std::memory_order_relaxed);
  size_.store(end.size, std::memory_order_release);
  next_offset_.store(end.next_offset.value(), std::memory_order_release);
  largest_timestamp_.store(largest.timestamp.value(), std::memory_order_release);
  largest_timestamp_offset_.store(largest.offset.value(), std::memory_order_release);
  version_.store(version + 2, std::memory_order_release);
}

bool Segment::has_room(std::uint32_t batches) const noexcept {
  return offset_index_.count() + batches <= index_bytes_ / OffsetIndex::kEntryBytes &&
         time_index_.count() + batches + 1 <= index_bytes_ / TimeIndex::kEntryBytes;
}

bool Segment::indexes_full() const noexcept { return !has_room(1); }

Result<> Segment::append(ByteView run, std::uint32_t batches) {
  const auto use = use_indexes();
  if (!use) return use.error();
  if (const auto room = ensure_index_room(run.size(), batches); !room) return room.error();
  const auto file = file_.open();
  if (!file) return file.error();
  const auto start = size();
  reserve_ahead(**file, std::uint64_t{start} + run.size());
  if (const auto written = (*file)->write_at(start, run); !written) {
    reserved_bytes_ = 0;
    broken_ = !(*file)->truncate(start);
    return written.error();
  }
  auto position = start;
  auto next_offset = base_offset_;
  for (record::BatchWalker walker{run}; const auto batch = walker.next();) {
    index_batch(*batch, position, true);
    position += static_cast<std::uint32_t>(batch->size());
    next_offset = batch->next_offset();
  }
  SLUICE_ASSERT(position == start + run.size(), position, start, run.size());
  publish({position, next_offset}, largest_);
  return {};
}

Result<> Segment::ensure_index_room(std::uint64_t bytes, std::uint32_t batches) {
  if (bytes_since_entry_ + bytes <= index_interval_bytes_) return {};
  if (const auto room = offset_index_.file().ensure_room(batches, index_bytes_); !room) return room.error();
  return time_index_.file().ensure_room(batches + 1, index_bytes_);
}

// Kafka's rule: the entry that is due goes to the batch about to be appended, before its bytes count.
void Segment::index_batch(const record::BatchView& header, std::uint32_t position, bool room) {
  if (header.max_timestamp() > largest_.timestamp) largest_ = {header.max_timestamp(), header.last_offset()};
  if (bytes_since_entry_ > index_interval_bytes_ && room) {
    offset_index_.append({header.last_offset(), position});
    time_index_.append_if_later(largest_);
    bytes_since_entry_ = 0;
  }
  bytes_since_entry_ += header.size();
}

// A failure to reserve is not one to write: the write itself tells.
void Segment::reserve_ahead(File& file, std::uint64_t needed) {
  if (needed <= reserved_bytes_ || (!preallocate_ && needed < kReserveFromBytes)) return;
  const auto ahead = std::clamp(needed, kReserveFromBytes, kReserveAheadBytesMax);
  const auto target = std::max<std::uint64_t>(
      needed, preallocate_ ? segment_bytes_ : std::min<std::uint64_t>(needed + ahead, segment_bytes_));
  if (file.reserve(target)) reserved_bytes_ = target;
}

std::chrono::milliseconds Segment::age(Timestamp now, std::optional<Timestamp> timestamp) {
  if (timestamp) {
    if (const auto first = first_timestamp(); first && first->value() >= 0)
      return std::chrono::milliseconds{std::max(*timestamp, *first) - *first};  // producers choose any
  }
  return std::chrono::milliseconds{now - created_};
}

Result<Timestamp> Segment::first_timestamp() {
  if (first_timestamp_) return *first_timestamp_;
  HeaderWalker walker{file_, 0, size(), ReadMode::may_wait, integrity_->damage()};
  const auto first = walker.next();
  if (!first) return first.error();
  if (!*first) return kNoTimestamp;
  first_timestamp_ = (*first)->header.max_timestamp();
  return *first_timestamp_;
}

Result<> Segment::trim() {
  if (size() > 0) {
    const auto use = use_indexes();
    if (!use) return use.error();
    if (const auto last = time_index_.last(); largest_.timestamp > (last ? last->timestamp : kNoTimestamp)) {
      if (const auto room = time_index_.file().ensure_room(1, index_bytes_); !room) return room.error();
      time_index_.append_if_later(largest_);
    }
    if (const auto trimmed = offset_index_.file().trim(); !trimmed) return trimmed.error();
    if (const auto trimmed = time_index_.file().trim(); !trimmed) return trimmed.error();
  }
  // Of an empty segment too: its first batch may have been a marker that could not be written.
  if (const auto trimmed = transactions_.trim(); !trimmed) return trimmed.error();
  if (reserved_bytes_ > size()) {
    const auto file = file_.open();
    if (!file) return file.error();
    if (const auto released = (*file)->truncate(size()); !released) return released.error();
    reserved_bytes_ = 0;
  }
  return {};
}

Result<> Segment::sync(bool indexes) {
  const auto use = use_indexes();  // what is not open can't be synced
  if (!use) return use.error();
  const auto file = file_.open();
  if (!file) return file.error();
  const auto size_before = size();
  if (const auto synced = (*file)->sync_data(); !synced) return synced.error();
  synced_size_.store(size_before, std::memory_order_relaxed);
  if (!indexes) return {};
  if (const auto synced = offset_index_.file().sync(); !synced) return synced.error();
  if (const auto synced = time_index_.file().sync(); !synced) return synced.error();
  return transactions_.sync();
}

bool Segment::try_park() noexcept {
  const std::unique_lock lock{index_mutex_, std::try_to_lock};
  if (!lock) return false;
  if (indexes_loaded_) {
    offset_index_.file().park();
    time_index_.file().park();
  }
  indexes_loaded_ = false;
  transactions_.park();
  file_.close();
  return true;
}

Result<> Segment::remove() {
  auto& fs = resources_.fs;
  if (const auto removed = fs.remove(file_.path()); !removed) return removed.error();
  if (const auto removed = offset_index_.file().remove(); !removed) return removed.error();
  if (const auto removed = time_index_.file().remove(); !removed) return removed.error();
  return transactions_.remove();
}

// The `.log` first: without it the others are leftovers, which the next opening removes.
Result<std::vector<std::string>> Segment::rename_away() {
  const std::unique_lock lock{index_mutex_};
  std::vector<std::string> names;
  const auto away = [&](std::string_view suffix) {
    return names.emplace_back(segment_path(directory_, base_offset_, suffix) + std::string{suffix::kDeleted});
  };
  if (const auto renamed = file_.rename_to(away(suffix::kLog)); !renamed) return renamed.error();
  if (const auto renamed = offset_index_.file().rename_to(away(suffix::kOffsetIndex)); !renamed) return renamed.error();
  if (const auto renamed = time_index_.file().rename_to(away(suffix::kTimeIndex)); !renamed) return renamed.error();
  if (transactions_.exist()) {
    const auto renamed = transactions_.rename_to(away(suffix::kTransactionIndex));
    if (!renamed) return renamed.error();
  }
  return names;
}

bool Segment::can_look_up_at_once() const {
  const std::shared_lock lock{index_mutex_, std::try_to_lock};
  return lock && indexes_loaded_ && file_.is_open() && offset_index_.file().is_cached();
}

Result<std::uint32_t> Segment::floor_position(Offset offset) {
  const auto use = use_indexes();
  if (!use) return use.error();
  const auto position = offset_index_.lower_entry(offset).position;
  const auto damage = integrity_->damage();
  return damage ? std::max(position, damage->end_below(offset)) : position;
}

Result<std::uint32_t> Segment::batch_start_below(std::uint32_t position) {
  const auto use = use_indexes();
  if (!use) return use.error();
  const auto start = offset_index_.entry_at_position(position).position;
  const auto damage = integrity_->damage();
  return damage ? damage->start_of(start) : start;
}

Result<Offset> Segment::offset_before(Timestamp target) {
  const auto use = use_indexes();
  if (!use) return use.error();
  // An entry with the very timestamp ends at the batch that is looked for.
  if (target <= kNoTimestamp) return base_offset_;
  return time_index_.lower_entry(target - 1).offset;
}

}  // namespace sluice::storage

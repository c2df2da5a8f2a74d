#include <algorithm>

#include "storage/wal/physical_log.hpp"
#include "storage/wal/storage_error.hpp"

namespace sluice::storage::wal {
namespace {

constexpr std::size_t kCarriedUnitsMax = 4096;  // in one batch

// A file that is being written is given up only when it holds so much: a new one costs something too.
std::uint32_t give_up_bytes_min(std::uint32_t segment_bytes) { return std::min(1U << 20, segment_bytes / 8); }

}  // namespace

// Whatever the table says of entries that are needed can only grow towards the end meanwhile.
Result<std::uint64_t> PhysicalLog::reclaim() {
  const std::lock_guard lock{reclaim_mutex_};
  const auto needed = whole_range();
  const bool all_deleted = needed.from == needed.end;
  // Most calls end here, before any file is looked at.
  if (log_->segment_count() == 1 && !(all_deleted && log_->size_bytes() >= give_up_bytes_min(segment_bytes_)))
    return 0U;
  if (all_deleted) {
    if (const auto given_up = give_up_active(); !given_up) return given_up.error();
  }
  const auto starts = droppable_starts(needed.from);
  if (!starts) return starts.error();
  if (starts->empty()) return 0U;
  if (const auto carried = carry_over(starts->back()); !carried) return carried.error();
  return drop_below(*starts);
}

Result<> PhysicalLog::give_up_active() {
  const auto segments = log_->segments();
  if (!segments) return to_wal_error(segments.error());
  if (segments->back().size_bytes < give_up_bytes_min(segment_bytes_)) return {};
  if (const auto rolled = log_->roll(Timestamp{0}); !rolled) return to_wal_error(rolled.error());
  return {};
}

// Where the log may begin: the base offsets of segments, ascending, below which nothing is needed.
Result<std::vector<Offset>> PhysicalLog::droppable_starts(Offset needed) const {
  const auto segments = log_->segments();
  if (!segments) return to_wal_error(segments.error());
  std::vector<Offset> starts;
  for (std::size_t i = 1; i < segments->size() && (*segments)[i].base_offset <= needed; ++i)
    starts.push_back((*segments)[i].base_offset);
  return starts;
}

// What only the files that go tell of sequences and marks is told again, durably.
Result<> PhysicalLog::carry_over(Offset start) {
  std::vector<Unit> units;
  {
    const std::lock_guard lock{table_mutex_};
    units = units_.told_only_below(start);
  }
  for (std::span<const Unit> rest{units}; !rest.empty();) {
    const auto count = std::min({rest.size(), kCarriedUnitsMax, segment_bytes_ / 2 / kCarriedBytesMax});
    Request request;
    request.carried = rest.first(count);
    request.bytes = record::kBatchHeaderBytes + count * kCarriedBytesMax;
    if (const auto told = submit(request); !told) return told.error();
    rest = rest.subspan(count);
  }
  return sync();
}

// One file after the other, each removal durable before the next: whatever a crash undoes, what is left is a suffix.
// They are renamed away first, and unlinked, which takes its time, when nobody has to wait for it.
Result<std::uint64_t> PhysicalLog::drop_below(const std::vector<Offset>& starts) {
  std::uint64_t freed = 0;
  for (const auto start : starts) {
    if (removal_unsynced_) {
      if (const auto synced = resources_.fs.sync_directory(log_->directory()); !synced) return synced.error();
    }
    const auto before = log_->size_bytes();
    removal_unsynced_ = true;
    if (const auto advanced = log_->advance_log_start(start); !advanced) return to_wal_error(advanced.error());
    if (const auto synced = resources_.fs.sync_directory(log_->directory()); !synced) return synced.error();
    removal_unsynced_ = false;
    freed += before - std::min(before, log_->size_bytes());
  }
  resources_.removals.remove_due(resources_.fs, Timestamp{0});
  return freed;
}

}  // namespace sluice::storage::wal

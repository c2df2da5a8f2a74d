#include <algorithm>
#include <array>

#include "storage/compaction/batch_cleaner.hpp"
#include "storage/compaction/cleaned_segment.hpp"
#include "storage/log/log.hpp"
#include "storage/log/log_state.hpp"
#include "storage/segment/segment_name.hpp"

// What compaction needs of a log: what there is to clean, and the exchange of segments for cleaned ones.

namespace sluice::storage {
namespace {

// The `.log` last: its new name says that all of them are there.
constexpr std::array kSuffixes{suffix::kOffsetIndex, suffix::kTimeIndex, suffix::kTransactionIndex, suffix::kLog};

std::error_code canceled() { return std::make_error_code(std::errc::operation_canceled); }

/// Gives the files of a segment that end in `from` names that end in `to`; the indexes may be missing.
Result<> rename_all(FileSystem& fs, const std::string& directory, Offset base_offset, std::string_view from,
                    std::string_view to) {
  for (const auto& suffix : kSuffixes) {
    const auto path = segment_path(directory, base_offset, suffix);
    const auto renamed = fs.rename(path + std::string{from}, path + std::string{to});
    const bool missing = !renamed && renamed.error() == std::errc::no_such_file_or_directory;
    if (!renamed && !(missing && suffix != suffix::kLog)) return renamed.error();
  }
  return {};
}

/// The `.log` first: without it the others are leftovers.
Result<> remove_swaps(FileSystem& fs, const std::string& directory, Offset base_offset) {
  for (auto suffix = kSuffixes.rbegin(); suffix != kSuffixes.rend(); ++suffix) {
    const auto removed = fs.remove(segment_path(directory, base_offset, *suffix) + std::string{suffix::kSwap});
    if (!removed) return removed.error();
  }
  return fs.sync_directory(directory);
}

/// Where `sources` begin in `list`; nullopt unless all of them are there, side by side, before the active one.
std::optional<std::size_t> find_run(const SegmentList& list, const SegmentList& sources) {
  const auto first = std::search(list.begin(), list.end(), sources.begin(), sources.end());
  if (sources.empty() || first == list.end()) return std::nullopt;
  const auto index = static_cast<std::size_t>(first - list.begin());
  if (index + sources.size() >= list.size()) return std::nullopt;
  return index;
}

}  // namespace

SegmentList Log::sealed_segments() const {
  auto list = *state_->segments.list();
  list.pop_back();
  return list;
}

LogOptions Log::options() const {
  const std::lock_guard lock{state_->append_mutex};
  return state_->options;
}

ProducerEnds Log::producer_ends() const {
  const std::lock_guard lock{state_->append_mutex};
  ProducerEnds ends;
  for (const auto& [id, producer] : state_->producers.producers()) {
    ProducerEnd end{.last_data_offset = std::nullopt, .producer_epoch = producer.epoch};
    if (producer.has_batches()) end.last_data_offset = producer.last_batch().last_offset;
    ends.emplace(id, end);
  }
  return ends;
}

// Safe against a crash at every point: until `.log.swap` is durable the old segments count, from then on the new one,
// which recovery puts in its place. Truncation waits meanwhile: what it cuts must not come back out of a `.swap`.
Result<> Log::replace_segments(const SegmentList& sources, CleanedSegment& cleaned, Timestamp now) {
  auto& state = *state_;
  const std::lock_guard sync_lock{state.sync_mutex};
  const auto base_offset = cleaned.base_offset();
  const auto still_there = [&] {
    return !is_offline() && cleaned.directory() == directory_ &&
           find_run(state.segments.segments(), sources).has_value();
  };
  {
    const std::lock_guard lock{state.append_mutex};
    if (!still_there()) return canceled();
  }
  const auto promoted = [&]() -> Result<> {
    const auto renamed = rename_all(fs_, directory_, base_offset, suffix::kCleaned, suffix::kSwap);
    if (!renamed) return renamed.error();
    cleaned.hand_over();
    return fs_.sync_directory(directory_);
  }();
  const std::lock_guard lock{state.append_mutex};
  if (!promoted || !still_there()) {
    // Left there, it would come back with the next start, whatever the log has become until then.
    const auto undone = take_offline_on_error(remove_swaps(fs_, directory_, base_offset));
    if (!undone) return undone.error();
    return promoted ? canceled() : promoted.error();
  }
  return take_offline_on_error(install(sources, cleaned, now));
}

// The old ones make room, durably: none of them may come back beside the new one.
Result<> Log::install(const SegmentList& sources, const CleanedSegment& cleaned, Timestamp now) {
  auto& state = *state_;
  const auto base_offset = cleaned.base_offset();
  state.changed = true;
  state.truncations.fetch_add(1, std::memory_order_acq_rel);
  if (const auto discarded = discard(sources); !discarded) return discarded.error();
  if (const auto synced = fs_.sync_directory(directory_); !synced) return synced.error();
  const auto renamed = rename_all(fs_, directory_, base_offset, suffix::kSwap, "");
  if (!renamed) return renamed.error();
  if (const auto synced = fs_.sync_directory(directory_); !synced) return synced.error();

  auto segment = Segment::open(resources_, directory_, base_offset, state.options, now);
  if (!segment) return segment.error();
  if (cleaned.has_aborted_transactions()) (*segment)->transactions().found((*segment)->place());
  auto list = state.segments.segments();
  const auto index = *find_run(list, sources);
  (*segment)->set_next_offset(list[index + sources.size()]->base_offset());
  const auto first = list.begin() + static_cast<std::ptrdiff_t>(index);
  *first = std::move(*segment);
  list.erase(first + 1, first + static_cast<std::ptrdiff_t>(sources.size()));
  std::vector<Offset> base_offsets;
  for (const auto& each : list) base_offsets.push_back(each->base_offset());
  state.segments.replace(std::move(list));
  state.truncations.fetch_add(1, std::memory_order_acq_rel);
  // Snapshots of the middle of a segment; those that can't be removed now go with the next start.
  static_cast<void>(state.snapshots.remove_stray(base_offsets));
  return {};
}

}  // namespace sluice::storage

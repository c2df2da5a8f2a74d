#include <algorithm>

#include "storage/log/log.hpp"
#include "storage/log/log_state.hpp"
#include "storage/log/producer_replay.hpp"

// What transactions ask of a log: which of its records are decided, and which of those are aborted.

namespace sluice::storage {

Offset Log::last_stable_offset(Offset high_watermark) const {
  const auto stable = state_->unstable.last_stable_offset(high_watermark);
  // A transaction may begin below a log start that was moved up.
  return std::min(high_watermark, std::max(stable, log_start_offset()));
}

// As read(): a truncation or deletion may pull a file away.
Result<std::vector<AbortedTransaction>> Log::aborted_transactions(Offset from, Offset to, ReadMode mode) const {
  std::vector<AbortedTransaction> aborted;
  while (from < to) {
    aborted.clear();
    const auto truncations = state_->truncations.load(std::memory_order_acquire);
    const auto start_offset = log_start_offset();
    const auto list = state_->segments.list();
    // A marker may lie many segments behind what it aborts.
    Result<AbortsFound> found = AbortsFound::so_far;
    for (auto i = find_floor(*list, from).value_or(0); i < list->size() && found && *found != AbortsFound::all; ++i)
      found = collect_aborted(*(*list)[i], from, to, aborted, mode);
    if (found) break;
    if (found.error() == Errc::not_cached ||
        (state_->truncations.load(std::memory_order_acquire) == truncations && log_start_offset() == start_offset))
      return found.error();
  }
  std::sort(aborted.begin(), aborted.end(),
            [](const auto& left, const auto& right) { return left.first_offset < right.first_offset; });
  return aborted;
}

Result<AbortsFound> Log::collect_aborted(Segment& segment, Offset from, Offset to,
                                         std::vector<AbortedTransaction>& into, ReadMode mode) const {
  if (!segment.transactions().exist()) return AbortsFound::so_far;
  const auto found_before = into.size();
  auto found = segment.transactions().collect(from, to, segment.end().next_offset, into, mode);
  if (found || found.error() != Errc::corrupt_index || mode == ReadMode::cached_only) return found;
  into.resize(found_before);
  const std::lock_guard lock{state_->append_mutex};
  if (const auto rebuilt = rebuild_transactions(segment); !rebuilt) return rebuilt.error();
  return segment.transactions().collect(from, to, segment.end().next_offset, into, mode);
}

// Before the batch itself is written, so that a failure of either leaves both as they were: what was written counts
// once it is published. Returns how many entries there are to publish.
Result<std::size_t> Log::write_aborted(const record::BatchView& batch) {
  if (!batch.is_control()) return 0;
  const auto ended = state_->producers.ending(batch);
  if (!ended || ended->committed) return 0;
  auto& active = *state_->segments.active();
  state_->changed = true;  // an entry whose marker then fails is cut off by close, or made anew after a crash
  const auto aborted = as_aborted(*ended);
  auto written = active.transactions().write(active.place(), {&aborted, 1}, log_end_offset());
  if (!written && written.error() == Errc::corrupt_index) {
    if (const auto rebuilt = rebuild_transactions(active); !rebuilt) return rebuilt.error();
    written = active.transactions().write(active.place(), {&aborted, 1}, log_end_offset());
  }
  if (!written) return written.error();
  return 1;
}

// What was open when the segment began is in the snapshot that was made then, or follows from an earlier one.
Result<> Log::rebuild_transactions(Segment& segment) const {
  auto& state = *state_;
  const auto& list = state.segments.segments();
  const auto there = std::find_if(list.begin(), list.end(), [&](const auto& each) { return each.get() == &segment; });
  if (there == list.end() || !segment.transactions().are_in_doubt()) return {};
  ProducerState producers;
  auto from = list.front()->base_offset();
  auto loaded = state.snapshots.load_latest(segment.base_offset());
  if (!loaded) return loaded.error();
  if (*loaded && (*loaded)->offset >= from) {
    producers = std::move((*loaded)->state);
    from = (*loaded)->offset;
  }
  std::vector<AbortedTransaction> aborted;
  const auto replayed =
      replay_producers({list.begin(), there + 1}, from, producers, [&](Segment& holder, const EndedTransaction& ended) {
        if (&holder == &segment && !ended.committed) aborted.push_back(as_aborted(ended));
      });
  if (!replayed) return replayed.error();
  return segment.transactions().replace(segment.place(), aborted);
}

}  // namespace sluice::storage

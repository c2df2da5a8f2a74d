#include <algorithm>

#include "storage/log/log.hpp"
#include "storage/log/log_state.hpp"
#include "storage/log/producer_replay.hpp"
#include "storage/log/recovery.hpp"

// A snapshot and every batch from there on: equal to having applied each when it was appended.

namespace sluice::storage {
namespace {

// Of no use is one that ends before the log begins: what was open then may have ended in between.
Result<Offset> load_snapshot(ProducerSnapshots& snapshots, Offset at_most, Offset log_base, ProducerState& producers) {
  producers.clear();
  auto loaded = snapshots.load_latest(at_most);
  if (!loaded) return loaded.error();
  if (!*loaded || (*loaded)->offset < log_base) return log_base;
  producers = std::move((*loaded)->state);
  return (*loaded)->offset;
}

}  // namespace

Result<> Log::reload_producers() {
  auto& state = *state_;
  const auto& list = state.segments.segments();
  const auto from = load_snapshot(state.snapshots, log_end_offset(), list.front()->base_offset(), state.producers);
  if (!from) return from.error();
  if (const auto replayed = replay_producers(list, *from, state.producers, [](auto&, auto&) {}); !replayed)
    return replayed.error();
  state.unstable.truncate_to(log_end_offset(), state.producers.first_open_transaction());
  return {};
}

// Whether a segment ever had aborted transactions can't be told when its other files are gone too.
void Log::Recovery::find_transactions(Segment& segment) const {
  const auto is_among = [&](const std::vector<Offset>& found) {
    return std::binary_search(found.begin(), found.end(), segment.base_offset());
  };
  if (is_among(with_aborts_)) segment.transactions().found(segment.place());
  if (!is_among(with_index_) && segment.size() > 0) segment.transactions().doubt(segment.place());
}

// After a crash the snapshots and transaction indexes of what was scanned are not relied on: the replay begins before
// it and makes the indexes anew.
Result<> Log::Recovery::restore_producers() {
  auto& state = *log_.state_;
  const auto& list = state.segments.segments();
  const auto first_scanned = report_.scanned ? std::min(first_scanned_, list.size()) : list.size();
  const auto scanned_from = first_scanned < list.size() ? list[first_scanned]->base_offset() : log_.log_end_offset();
  const auto from = load_snapshot(state.snapshots, scanned_from, list.front()->base_offset(), state.producers);
  if (!from) return from.error();
  if (report_.scanned) {
    if (const auto removed = state.snapshots.remove_unreadable(*from); !removed) return removed.error();
  }

  // What was synced counts as replicated: a high watermark begins there.
  std::vector<std::vector<AbortedTransaction>> aborted(list.size() - first_scanned);
  const auto on_ended = [&](Segment& segment, const EndedTransaction& ended) {
    if (ended.last_offset >= log_.synced_end_offset()) state.unstable.end({ended.first_offset, ended.last_offset});
    const auto index = *find_floor(list, segment.base_offset());
    if (index >= first_scanned && !ended.committed) aborted[index - first_scanned].push_back(as_aborted(ended));
  };
  if (const auto replayed = replay_producers(list, *from, state.producers, on_ended); !replayed)
    return replayed.error();
  for (std::size_t i = 0; i < aborted.size(); ++i) {
    auto& segment = *list[first_scanned + i];
    if (const auto replaced = segment.transactions().replace(segment.place(), aborted[i]); !replaced)
      return replaced.error();
  }
  state.producers.expire(opening_.now, state.options.producer_id_expiration_ms);
  state.unstable.set_first_open(state.producers.first_open_transaction());
  return {};
}

}  // namespace sluice::storage

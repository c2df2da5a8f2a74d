#include "protocol/base/assert.hpp"
#include "storage/log/log.hpp"
#include "storage/log/log_state.hpp"
#include "storage/segment/roll_policy.hpp"

namespace sluice::storage {

Result<Appended> Log::append(record::MutableBatch batch, LeaderEpoch leader_epoch, Timestamp now) {
  auto& state = *state_;
  const std::lock_guard lock{state.append_mutex};
  if (is_offline()) return Errc::log_offline;
  const auto repeat = state.producers.check(batch);
  if (!repeat) return repeat.error();
  if (*repeat) return Appended{(*repeat)->first_offset(), (*repeat)->last_offset, (*repeat)->timestamp, true};

  batch.assign(log_end_offset(), leader_epoch);
  if (const auto room = make_room(batch, now); !room) return room.error();
  if (const auto appended = append_run(batch.bytes(), 1); !appended) return appended.error();
  state.recent.on_append(batch.base_offset(), batch.bytes().size(), now);
  return Appended{batch.base_offset(), batch.last_offset(), batch.max_timestamp()};
}

namespace {

// All of them, before any is written: a batch that contradicts itself must not get in.
Result<> check_batches(ByteView batches, Offset log_end_offset) {
  record::BatchWalker walker{batches};
  auto expected = log_end_offset;
  while (const auto batch = walker.next()) {
    if (!batch->has_sound_offsets() || batch->base_offset() < expected || !batch->crc_matches())
      return Errc::corrupt_batch;
    expected = batch->next_offset();
  }
  if (!walker.rest().empty()) return Errc::corrupt_batch;
  return {};
}

}  // namespace

Result<> Log::append_as_follower(ByteView batches, Timestamp now) {
  auto& state = *state_;
  const std::lock_guard lock{state.append_mutex};
  if (is_offline()) return Errc::log_offline;
  if (const auto sound = check_batches(batches, log_end_offset()); !sound) return sound.error();

  // One write for as many batches as one segment takes.
  record::BatchWalker walker{batches};
  auto batch = walker.next();
  while (batch) {
    if (const auto room = make_room(*batch, now); !room) return room.error();
    auto& active = *state.segments.active();
    const auto* run = batch->bytes().data();
    std::size_t run_bytes = 0;
    std::uint32_t run_batches = 0;
    const bool is_alone = is_abort(*batch);  // its index entry is written first
    do {
      run_bytes += batch->size();
      ++run_batches;
      batch = walker.next();
    } while (batch && !is_alone && !is_abort(*batch) &&
             active.size() + run_bytes + batch->size() <= state.options.segment_bytes &&
             active.has_room(run_batches + 1) && is_in_reach(active, batch->last_offset()));
    const auto run_start = log_end_offset();
    if (const auto appended = append_run({run, run_bytes}, run_batches); !appended) return appended.error();
    state.recent.on_append(run_start, run_bytes, now);
  }
  return {};
}

Result<> Log::make_room(const record::BatchView& batch, Timestamp now) {
  auto& state = *state_;
  if (batch.size() > state.options.segment_bytes) return Errc::batch_larger_than_segment;
  if (const auto loaded = state.segments.active()->ensure_indexes(); !loaded) return loaded.error();
  if (!must_roll(*state.segments.active(), state.options, batch, now)) return {};
  // The next base is the log end, so that recovery can tell a lost tail from a gap; only a gap beyond reach moves it.
  const auto base_offset = log_end_offset();
  const bool reachable = batch.last_offset() - base_offset <= std::numeric_limits<std::int32_t>::max();
  return roll_to(reachable ? base_offset : batch.base_offset(), now);
}

// Writes first: everything else changes only once the bytes are there.
Result<> Log::append_run(ByteView run, std::uint32_t batches) {
  auto& state = *state_;
  auto& active = *state.segments.active();
  const auto aborts = batches == 1 ? write_aborted(*record::BatchView::parse(run)) : Result<std::size_t>{0};
  if (!aborts) return aborts.error();
  if (const auto appended = active.append(run, batches); !appended) {
    if (active.is_broken()) take_offline(appended.error());
    return appended.error();
  }
  if (*aborts > 0) active.transactions().publish();
  for (record::BatchWalker walker{run}; const auto batch = walker.next();) {
    if (const auto ended = state.producers.apply(*batch)) state.unstable.end({ended->first_offset, ended->last_offset});
    state.epochs.note(batch->partition_leader_epoch(), batch->base_offset());
  }
  state.unstable.set_first_open(state.producers.first_open_transaction());
  state.changed = true;
  const auto end_offset = active.end().next_offset;
  SLUICE_ASSERT(end_offset > log_end_offset(), end_offset, log_end_offset());
  log_end_offset_.store(end_offset.value(), std::memory_order_release);
  return {};
}

}  // namespace sluice::storage

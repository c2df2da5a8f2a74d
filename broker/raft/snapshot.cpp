#include <algorithm>
#include <utility>

#include "broker/raft/raft.hpp"
#include "protocol/base/planted_bug.hpp"

namespace sluice::broker::raft {

void Raft::send_chunk(const ReplicaKey& to, Progress& progress, Now now) {
  auto data = log_.snapshot_bytes(progress.snapshot(), progress.snapshot_offset(), options_.snapshot_chunk_bytes);
  if (!data && log_.snapshot() != progress.snapshot()) {  // a newer one took its place
    progress.start_snapshot(log_.snapshot());
    data = log_.snapshot_bytes(progress.snapshot(), 0, options_.snapshot_chunk_bytes);
  }
  if (!data) return;
  const auto end = progress.snapshot_offset() + static_cast<std::int64_t>(data->size());
  progress.on_chunk_sent(now.steady);
  send(to, SnapshotRequest{.snapshot = progress.snapshot(),
                           .offset = progress.snapshot_offset(),
                           .done = end == progress.snapshot().bytes,
                           .pulse = pulse(now),
                           .data = std::move(*data)});
}

void Raft::on(const SnapshotResponse& response, const Message& message, Now now) {
  auto* progress = leadership_ ? find_progress(message.from) : nullptr;
  if (progress == nullptr) return;
  progress->on_pulse(response.pulse, now.steady);
  confirm_reads();
  const auto& snapshot = progress->snapshot();
  const bool is_about_it = progress->state() == Progress::State::snapshot &&
                           snapshot.index == response.snapshot_index && snapshot.term == response.snapshot_term;
  if (is_about_it) progress->on_chunk_answered(std::clamp<std::int64_t>(response.next_offset, 0, snapshot.bytes));
}

void Raft::on(const SnapshotRequest& request, const Message& message, Now now) {
  if (!follow(message.from, now)) return;
  const auto& snapshot = request.snapshot;
  // What the log has anyway is not taken from a snapshot (thesis 5.3): nothing behind it is thrown away.
  if (log_.matches(snapshot.index, snapshot.term)) log_.commit_to(snapshot.index);
  settle_role();
  if (snapshot.index <= log_.commit_index() && !SLUICE_BUG("raft: an old snapshot takes the log back")) {
    receiving_.reset();
    return reply_when_durable(
        message.from,
        AppendResponse{
            .accepted = true, .index = log_.commit_index(), .hint_index{}, .hint_term{}, .pulse = request.pulse});
  }
  take_part(request);
  if (receiving_->complete_with) return reply(message.from, HeartbeatResponse{.pulse = request.pulse});
  reply_when_durable(message.from, SnapshotResponse{.snapshot_index = snapshot.index,
                                                    .snapshot_term = snapshot.term,
                                                    .next_offset = receiving_->offset,
                                                    .pulse = request.pulse});
}

/// Goes on where the same snapshot was left, whoever sent the beginning.
void Raft::take_part(const SnapshotRequest& request) {
  if (!receiving_ || receiving_->snapshot != request.snapshot) receiving_ = Receiving{.snapshot = request.snapshot};
  const auto end = request.offset + static_cast<std::int64_t>(request.data.size());
  const bool fits = request.offset == receiving_->offset && end <= request.snapshot.bytes &&
                    request.done == (end == request.snapshot.bytes);
  if (!fits || receiving_->complete_with) return;
  receiving_->offset = end;
  if (request.done) receiving_->complete_with = 0;  // take_ready puts the number
  parts_.push_back({request.snapshot, request.offset, request.done, request.data});
}

void Raft::on_snapshot_damaged() { receiving_.reset(); }

void Raft::install_if_complete(Now now) {
  if (!receiving_ || receiving_->complete_with.value_or(0) == 0 || persisted_ < *receiving_->complete_with) return;
  const auto snapshot = std::exchange(receiving_, std::nullopt)->snapshot;
  if (snapshot.index <= log_.commit_index() && !SLUICE_BUG("raft: an old snapshot takes the log back")) return;
  if (leadership_ || candidacy_) become_follower(term(), std::nullopt, now);
  log_.restore(snapshot);
  settle_role();
  has_work_ = true;
  if (!leader_) return;
  reply_when_durable(*leader_,
                     AppendResponse{.accepted = true, .index = snapshot.index, .hint_index{}, .hint_term{}, .pulse{}});
}

}  // namespace sluice::broker::raft

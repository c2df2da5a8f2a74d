#include "broker/raft/progress.hpp"

#include <algorithm>

#include "protocol/base/assert.hpp"

namespace sluice::broker::raft {

void Progress::enter(State state) {
  state_ = state;
  probe_sent_ = false;
  asks_ = state == State::probe;
  inflight_.clear();
  inflight_bytes_ = 0;
  snapshot_offset_ = 0;
  chunk_sent_at_.reset();
}

bool Progress::may_append(const Options& options) const noexcept {
  switch (state_) {
    case State::probe: return !probe_sent_;
    case State::replicate:
      return inflight_.size() < options.inflight_messages_max && inflight_bytes_ < options.inflight_bytes_max;
    case State::snapshot: return false;
  }
  return false;
}

void Progress::on_append_sent(LogIndex last, std::size_t bytes, LogIndex commit) {
  commit_sent_ = std::max(commit_sent_, commit);
  asks_ = false;
  if (state_ == State::probe) {
    probe_sent_ = true;
  } else if (last >= next_) {
    inflight_.push_back({last, bytes});
    inflight_bytes_ += bytes;
    next_ = last + 1;  // optimistic: it will arrive
  }
}

void Progress::on_accepted(LogIndex match) {
  match_ = std::max(match_, match);
  if (state_ == State::probe || (state_ == State::snapshot && match_ >= snapshot_.index)) {
    enter(State::replicate);
    next_ = match_ + 1;
  }
  next_ = std::max(next_, match_ + 1);
  while (!inflight_.empty() && inflight_.front().last <= match_) {
    inflight_bytes_ -= inflight_.front().bytes;
    inflight_.pop_front();
  }
  SLUICE_ASSERT(match_ < next_, match_, next_);
}

bool Progress::on_refused(LogIndex prev_index, LogIndex retry) {
  if (prev_index <= match_ || state_ == State::snapshot) return false;
  if (state_ == State::replicate) {
    enter(State::probe);
    next_ = match_ + 1;
    return true;
  }
  if (prev_index != next_ - 1) return false;
  enter(State::probe);
  next_ = std::max(std::min(prev_index, retry + 1), match_ + 1);
  return true;
}

void Progress::on_alive(bool is_behind) {
  probe_sent_ = false;
  // A full window whose answers were all lost would stay full: one message of it may go again.
  if (is_behind) asks_ = true;
}

bool Progress::wants_empty_append(LogIndex commit) const noexcept {
  if (state_ == State::snapshot) return false;
  return asks_ || (state_ == State::replicate && commit > commit_sent_);
}

void Progress::start_snapshot(SnapshotMeta snapshot) {
  enter(State::snapshot);
  snapshot_ = std::move(snapshot);
}

void Progress::on_chunk_answered(std::int64_t next_offset) {
  snapshot_offset_ = next_offset;
  chunk_sent_at_.reset();
}

void Progress::retry_chunk(Instant since) {
  if (chunk_sent_at_ && *chunk_sent_at_ <= since) chunk_sent_at_.reset();
}

void Progress::on_pulse(const Pulse& pulse, Instant now) {
  heard_at_ = std::max(heard_at_, now);
  if (!acked_) acked_ = pulse;
  acked_->round = std::max(acked_->round, pulse.round);
  acked_->sent_at = std::max(acked_->sent_at, pulse.sent_at);
}

}  // namespace sluice::broker::raft

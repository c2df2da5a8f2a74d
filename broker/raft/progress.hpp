#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include "broker/raft/options.hpp"
#include "broker/raft/raft_message.hpp"
#include "broker/raft/raft_types.hpp"

namespace sluice::broker::raft {

/// What a leader knows of one other server's log, and how it feeds it.
///
///   probe      where the logs agree is not known: one message at a time, the next when it was answered
///   replicate  they agree up to `match`: messages follow each other unanswered, within a window
///   snapshot   what it needs next is no longer in the log: chunks of a snapshot, one at a time
///
///   probe -> replicate     accepted an append
///   replicate -> probe     refused one: a message was lost or overtaken
///   any -> snapshot        `next` was compacted away
///   snapshot -> replicate  installed it (or caught up otherwise)
class Progress {
 public:
  enum class State { probe, replicate, snapshot };

  /// Begins as a probe: optimistic, that everything is there already.
  Progress(LogIndex next, Instant now) : next_(next), heard_at_(now) {}

  State state() const noexcept { return state_; }
  LogIndex match() const noexcept { return match_; }
  LogIndex next() const noexcept { return next_; }

  /// Whether another append may go out now.
  bool may_append(const Options& options) const noexcept;
  /// An append up to `last` (that of `next - 1` when empty) went out, with news of `commit`.
  void on_append_sent(LogIndex last, std::size_t bytes, LogIndex commit);
  void on_accepted(LogIndex match);
  /// False: an answer to a question that is no longer open. `retry` is where leader and follower can agree at most.
  bool on_refused(LogIndex prev_index, LogIndex retry);
  /// It answers, so a probe that got no answer was lost. `is_behind`: even when nothing new is to be sent, the next
  /// append asks for what it has.
  void on_alive(bool is_behind);
  /// Whether `commit` is news that should go out, or an answer is missing that on_alive asked for.
  bool wants_empty_append(LogIndex commit) const noexcept;

  void start_snapshot(SnapshotMeta snapshot);
  const SnapshotMeta& snapshot() const noexcept { return snapshot_; }
  std::int64_t snapshot_offset() const noexcept { return snapshot_offset_; }
  bool may_send_chunk() const noexcept { return state_ == State::snapshot && !chunk_sent_at_; }
  void on_chunk_sent(Instant now) { chunk_sent_at_ = now; }
  void on_chunk_answered(std::int64_t next_offset);
  /// A chunk that is unanswered since `since` or longer is sent again.
  void retry_chunk(Instant since);

  void on_pulse(const Pulse& pulse, Instant now);
  Instant heard_at() const noexcept { return heard_at_; }
  const std::optional<Pulse>& acked() const noexcept { return acked_; }

 private:
  struct Sent {
    LogIndex last;
    std::size_t bytes;
  };

  void enter(State state);

  State state_ = State::probe;
  LogIndex match_;  // < next_; durable there, never decreases within a term
  LogIndex next_;
  LogIndex commit_sent_;
  bool probe_sent_ = false;    // of probe: waits for its answer
  bool asks_ = true;           // send an append even if it is empty, for its answer
  std::deque<Sent> inflight_;  // of replicate, ascending
  std::size_t inflight_bytes_ = 0;

  SnapshotMeta snapshot_;  // of state snapshot
  std::int64_t snapshot_offset_ = 0;
  std::optional<Instant> chunk_sent_at_;

  Instant heard_at_;
  std::optional<Pulse> acked_;  // the latest that came back; both fields never decrease
};

}  // namespace sluice::broker::raft

#include "broker/raft/raft_loop_driver.hpp"

#include <algorithm>
#include <pthread.h>
#include <spdlog/spdlog.h>
#include <sstream>
#include <utility>

#include "protocol/base/assert.hpp"

namespace sluice::broker::raft {
namespace {

std::string describe(const RoleChange& change) {
  std::ostringstream out;
  out << "role=" << change.role << " term=" << change.term << " leader=";
  if (change.leader) {
    out << change.leader->node;
  } else {
    out << "none";
  }
  return out.str();
}

}  // namespace

std::optional<BrokerId> find_successor(const Raft& raft, Duration silence_max, Now now) {
  std::optional<BrokerId> best;
  LogIndex most;
  for (const auto& [replica, progress] : raft.progress()) {
    const bool answers = now.steady < progress.heard_at() + silence_max;
    if (!answers || !raft.log().configuration().has(replica)) continue;
    if (best && progress.match() <= most) continue;
    best = replica.node;
    most = progress.match();
  }
  return best;
}

RaftLoop::RaftLoop(const RaftDriver::Options& options, RaftStore& store, DiskThread& disk, Transport& transport,
                   StateMachine& machine, std::function<void(RaftInbox::SnapshotOutcome)> on_snapshot, Now now)
    : options_(options),
      store_(store),
      disk_(disk),
      transport_(transport),
      machine_(machine),
      tell_snapshot_(std::move(on_snapshot)),
      raft_(options.core, options.self, store.hard_state(), store, options.seed, now),
      applied_(store.snapshot().index),
      snapshot_due_(now.steady + options.snapshot_interval) {}

RaftLoop::~RaftLoop() {
  if (snapshot_thread_.joinable()) snapshot_thread_.join();
}

void RaftLoop::turn(RaftInbox inbox, Now now) {
  for (auto& report : inbox.reports) on_report(std::move(report), now);
  for (auto& message : inbox.messages) {
    if (has_failed_) break;
    raft_.step(std::move(message), now);
    drain(now);
  }
  for (const auto& task : inbox.tasks) {
    if (has_failed_) break;
    task(raft_, now);
    drain(now);
  }
  if (!has_failed_) {
    raft_.tick(now);
    drain(now);
  }
  for (const auto& outcome : inbox.snapshots) {
    on_snapshot(outcome);
    if (outcome.is_fatal) fail(outcome.index.error(), "a snapshot could not take the place of the log", now);
  }
  std::ranges::move(inbox.snapshot_requests, std::back_inserter(snapshot_requests_));
  if (has_failed_) answer_all_snapshot_requests(std::make_error_code(std::errc::io_error));
  if (const auto failure = store_.failure()) fail(failure, "the log can't be read", now);
  if (is_snapshot_due(now)) take_snapshot(now);
  hand_over_if_stalled(now);
  machine_.tick(now);
  flush();
}

Instant RaftLoop::next_deadline() const {
  const auto machine = machine_.next_deadline();
  if (has_failed_) return machine;
  auto due = std::min(raft_.next_deadline(), machine);
  if (applied_ > store_.snapshot_index() && !is_taking_snapshot_) due = std::min(due, snapshot_due_);
  return due;
}

RaftDriver::Status RaftLoop::status() const {
  return {.role = has_failed_ ? Role::learner : raft_.role(),
          .term = raft_.term(),
          .leader = has_failed_ ? std::nullopt : raft_.leader(),
          .commit = raft_.log().commit_index(),
          .last = raft_.log().last_index(),
          .snapshot = store_.snapshot_index(),
          .has_failed = has_failed_,
          .writing_since = writing_since()};
}

std::optional<Instant> RaftLoop::writing_since() const {
  const auto first = std::ranges::find_if(
      pending_, [this](const Pending& pending) { return pending.is_for_disk && pending.number > durable_; });
  return first == pending_.end() ? std::nullopt : std::optional{first->since};
}

/// Its followers may have a majority, and commit; but what is committed is applied here, and answered, when this disk
/// has it too.
void RaftLoop::hand_over_if_stalled(Now now) {
  if (has_failed_ || raft_.role() != Role::leader) return;
  const auto since = writing_since();
  if (!since || now.steady - *since < options_.stall_max) return;
  const auto successor = find_successor(raft_, options_.core.election_timeout, now);
  if (!successor || raft_.transfer(*successor, now) != Refusal::none) return;
  spdlog::warn("metadata quorum node={} its disk has written for {} ms: node={} is to lead", options_.self.node.value(),
               std::chrono::duration_cast<std::chrono::milliseconds>(now.steady - *since).count(), successor->value());
  drain(now);
}

/// Until the core has nothing more to be done, and knows of everything that is durable.
void RaftLoop::drain(Now now) {
  while (!has_failed_) {
    if (raft_.has_ready()) {
      take(raft_.take_ready(now), now);
      continue;
    }
    if (pending_.empty() || (pending_.front().is_for_disk && pending_.front().number > durable_)) return;
    auto done = std::move(pending_.front());
    pending_.pop_front();
    raft_.on_persisted(done.number, now);
    send(std::move(done.messages_after));
  }
}

void RaftLoop::take(Ready ready, Now now) {
  RaftStore::Work work{.hard_state = ready.hard_state,
                       .parts = std::move(ready.snapshot_parts),
                       .install = ready.install,
                       .entries = std::move(ready.entries)};
  const bool is_for_disk = work.hard_state || !work.parts.empty() || work.install || !work.entries.empty();
  if (is_for_disk) disk_.submit({ready.number, std::move(work)});
  pending_.push_back({ready.number, is_for_disk, now.steady, std::move(ready.messages_after)});
  send(std::move(ready.messages));
  tell_machine(ready, now);
}

void RaftLoop::tell_machine(Ready& ready, Now now) {
  if (!ready.role_change && ready.committed.empty() && ready.reads.empty()) return;
  flush();  // others need not wait for what is done here
  if (ready.role_change) {
    spdlog::info("metadata quorum node={} {}", options_.self.node.value(), describe(*ready.role_change));
    machine_.on_role_change(*ready.role_change, now);
  }
  if (!ready.committed.empty()) {
    SLUICE_ASSERT(ready.committed.front().index == applied_ + 1, ready.committed.front().index, applied_);
    applied_ = ready.committed.back().index;
    for (const auto& entry : ready.committed) bytes_applied_ += static_cast<std::int64_t>(size_of(entry));
    machine_.apply(std::move(ready.committed));
  }
  for (const auto& read : ready.reads) machine_.on_read(read);
}

void RaftLoop::on_report(DiskThread::Report report, Now now) {
  if (has_failed_) return;
  if (report.error) return fail(report.error, "the log can't be written", now);
  if (report.is_snapshot_damaged) {
    spdlog::warn("metadata snapshot came in damaged; asked for again");
    raft_.on_snapshot_damaged();
  }
  if (report.installed) {
    spdlog::info("metadata snapshot installed index={} bytes={}", report.installed->index.value(),
                 report.installed->bytes);
    if (!machine_.restore(*report.installed, std::move(report.state))) {
      return fail(std::make_error_code(std::errc::bad_message), "a snapshot is not understood", now);
    }
    applied_ = report.installed->index;
    bytes_applied_ = 0;
  }
  durable_ = report.number;
  drain(now);
}

void RaftLoop::send(std::vector<Message> messages) { std::ranges::move(messages, std::back_inserter(outgoing_)); }

void RaftLoop::flush() {
  if (!outgoing_.empty() && !has_failed_) transport_.send(std::exchange(outgoing_, {}));
}

bool RaftLoop::is_snapshot_due(Now now) const {
  // While a snapshot of the leader is on its way to the disk, nothing is known of what was before.
  if (is_taking_snapshot_ || has_failed_ || !raft_.log().term(applied_)) return false;
  if (!snapshot_requests_.empty()) return true;
  return applied_ > store_.snapshot_index() &&
         (bytes_applied_ >= options_.snapshot_bytes || now.steady >= snapshot_due_);
}

/// The state as of now is packed and written on another thread, which takes its time; the disk's thread then lets it
/// take its place between two writes.
void RaftLoop::take_snapshot(Now now) {
  snapshot_due_ = now.steady + options_.snapshot_interval;
  snapshot_served_ = std::exchange(snapshot_requests_, {});  // those that come from here on want a later one
  if (applied_ <= store_.snapshot_index()) return answer_snapshot_requests(store_.snapshot_index());
  is_taking_snapshot_ = true;
  snapshot_covers_bytes_ = bytes_applied_;
  if (snapshot_thread_.joinable()) snapshot_thread_.join();  // it has told its outcome
  snapshot_thread_ = std::thread{[this, meta = raft_.describe_snapshot(applied_), save = machine_.save()] {
    ::pthread_setname_np(::pthread_self(), "sluice-raft-snap");
    const auto written = store_.write_snapshot(meta, save());
    if (!written) return tell_snapshot_({written.error()});
    disk_.run([this, written = *written] {
      const auto adopted = store_.adopt_snapshot(written, options_.wall_clock());
      if (!adopted) return tell_snapshot_({adopted.error(), true});
      tell_snapshot_({store_.snapshot_index()});
    });
  }};
}

void RaftLoop::on_snapshot(const RaftInbox::SnapshotOutcome& outcome) {
  is_taking_snapshot_ = false;
  if (outcome.index) {
    raft_.on_snapshot_stored();
    bytes_applied_ = std::max<std::int64_t>(bytes_applied_ - snapshot_covers_bytes_, 0);
    spdlog::info("metadata snapshot written index={}", outcome.index->value());
  } else {
    spdlog::error("metadata snapshot failed error={}", outcome.index.error().message());
  }
  answer_snapshot_requests(outcome.index);
}

void RaftLoop::answer_snapshot_requests(const Result<LogIndex>& index) {
  for (const auto& done : std::exchange(snapshot_served_, {})) done(index);
}

void RaftLoop::answer_all_snapshot_requests(const Result<LogIndex>& index) {
  std::ranges::move(std::exchange(snapshot_requests_, {}), std::back_inserter(snapshot_served_));
  answer_snapshot_requests(index);
}

/// Takes part no more: acknowledges nothing, votes for nobody, leads nothing. Others elect somebody else.
void RaftLoop::fail(std::error_code reason, const char* what, Now now) {
  if (std::exchange(has_failed_, true)) return;
  spdlog::critical("metadata quorum: {}; this node takes part no more node={} directory={} error={}", what,
                   options_.self.node.value(), options_.directory, reason.message());
  outgoing_.clear();
  machine_.on_role_change({.role = Role::learner, .term = raft_.term(), .leader = std::nullopt}, now);
  answer_all_snapshot_requests(reason);
  if (options_.on_failure) options_.on_failure(reason);
}

}  // namespace sluice::broker::raft

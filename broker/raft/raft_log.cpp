#include "broker/raft/raft_log.hpp"

#include <algorithm>

#include "protocol/base/assert.hpp"
#include "protocol/base/planted_bug.hpp"

namespace sluice::broker::raft {

RaftLog::RaftLog(const StableLog& stable) : stable_(stable) {
  const auto snapshot = stable.snapshot();
  configurations_.push_back({snapshot.configuration_index, snapshot.configuration});
  durable_ = stable.last_index();
  SLUICE_ASSERT(durable_ >= snapshot.index && stable.first_index() <= snapshot.index + 1, durable_, snapshot.index);
  tail_first_ = durable_ + 1;
  handed_out_ = durable_;
  commit_ = delivered_ = snapshot.index;  // further than that only the leader can tell
  for (auto next = snapshot.index + 1; next <= durable_;) {
    const auto read = stable.entries(next, durable_ + 1, std::size_t{1} << 20);
    SLUICE_ASSERT(!read.empty() && read.front().index == next, next);
    for (const auto& entry : read) note_configuration(entry);
    next = read.back().index + 1;
  }
}

LogIndex RaftLog::first_index() const { return restored_ ? restored_->index + 1 : stable_.first_index(); }

LogIndex RaftLog::last_index() const { return tail_end() - 1; }

Term RaftLog::last_term() const {
  const auto last = term(last_index());
  SLUICE_ASSERT(last, last_index());
  return *last;
}

std::optional<Term> RaftLog::term(LogIndex index) const {
  if (index > last_index() || index + 1 < first_index()) return std::nullopt;
  if (index >= tail_first_) return in_tail(index).term;
  if (index == kNoIndex) return kNoTerm;
  if (restored_) return index == restored_->index ? std::optional{restored_->term} : std::nullopt;
  return stable_.term(index);
}

std::vector<Entry> RaftLog::entries(LogIndex first, LogIndex end, std::size_t bytes_max) const {
  end = std::min(end, tail_end());
  if (first < first_index() || first >= end) return {};
  std::vector<Entry> found;
  if (first < tail_first_) found = stable_.entries(first, std::min(end, tail_first_), bytes_max);
  if (first < tail_first_ && (found.empty() || found.back().index + 1 < tail_first_)) return found;
  std::size_t bytes = 0;
  for (const auto& entry : found) bytes += size_of(entry);
  for (auto at = std::max(first, tail_first_); at < end; at = at + 1) {
    bytes += size_of(in_tail(at));
    if (bytes > bytes_max && !found.empty()) break;
    found.push_back(in_tail(at));
  }
  return found;
}

bool RaftLog::is_up_to_date(LogIndex last_index, Term last_term) const {
  return last_term > this->last_term() || (last_term == this->last_term() && last_index >= this->last_index());
}

LogIndex RaftLog::last_at_most(LogIndex index, Term term) const {
  auto at = std::min(index, last_index());
  for (; at > kNoIndex; at = at - 1) {
    const auto found = this->term(at);
    if (!found || *found <= term) break;
  }
  return at;
}

void RaftLog::append(Entry entry) {
  SLUICE_ASSERT(entry.index == last_index() + 1, entry.index, last_index());
  note_configuration(entry);
  tail_.push_back(std::move(entry));
}

void RaftLog::merge(std::vector<Entry> entries) {
  if (SLUICE_BUG("raft: an old append cuts off newer entries") && !entries.empty()) {
    const auto end = std::max(entries.back().index, commit_) + 1;
    if (end <= last_index()) truncate_from(end);
  }
  for (auto& entry : entries) {
    if (entry.index <= commit_ || matches(entry.index, entry.term))
      continue;  // 3.5: what agrees stays, it may be newer
    if (entry.index <= last_index()) truncate_from(entry.index);
    append(std::move(entry));
  }
}

void RaftLog::truncate_from(LogIndex index) {
  SLUICE_ASSERT(index > commit_, index, commit_);
  if (index <= tail_first_) {
    tail_.clear();
    tail_first_ = index;
  } else {
    tail_.resize(static_cast<std::size_t>(index - tail_first_));
  }
  handed_out_ = std::min(handed_out_, index - 1);
  durable_ = std::min(durable_, index - 1);
  for (auto& ready : inflight_) ready.last = std::min(ready.last, index - 1);
  // Raft 4.1: with an entry goes the configuration it brought.
  while (configurations_.size() > 1 && configurations_.back().index >= index) configurations_.pop_back();
}

void RaftLog::note_configuration(const Entry& entry) {
  if (entry.type == EntryType::configuration) configurations_.push_back({entry.index, entry.configuration});
}

void RaftLog::commit_to(LogIndex index) {
  SLUICE_ASSERT(index <= last_index(), index, last_index());
  commit_ = std::max(commit_, index);
}

void RaftLog::restore(const SnapshotMeta& snapshot) {
  SLUICE_ASSERT(snapshot.index > commit_, snapshot.index, commit_);
  tail_.clear();
  tail_first_ = snapshot.index + 1;
  handed_out_ = commit_ = delivered_ = snapshot.index;
  durable_ = kNoIndex;
  for (auto& ready : inflight_) {
    ready.last = kNoIndex;
    ready.installs = false;
  }
  restored_ = snapshot;
  install_handed_out_ = false;
  configurations_.clear();
  configurations_.push_back({snapshot.configuration_index, snapshot.configuration});
}

void RaftLog::on_snapshot_stored() {
  const auto snapshot = stable_.snapshot();
  SLUICE_ASSERT(snapshot.index <= delivered_, snapshot.index, delivered_);
  while (configurations_.size() > 1 && configurations_[1].index <= snapshot.index) {
    configurations_.erase(configurations_.begin());
  }
}

bool RaftLog::is_voter(const ReplicaKey& replica) const {
  for (auto placed = configurations_.rbegin(); placed != configurations_.rend(); ++placed) {
    if (placed->configuration.has(replica)) return true;
    if (placed->index <= commit_) return false;
  }
  return false;
}

SnapshotMeta RaftLog::describe_snapshot(LogIndex index) const {
  const auto term = this->term(index);
  SLUICE_ASSERT(term && index <= commit_, index, commit_);
  const auto after = std::find_if(configurations_.begin() + 1, configurations_.end(),
                                  [&](const Placed& placed) { return placed.index > index; });
  const auto& placed = *std::prev(after);
  return {.index = index,
          .term = *term,
          .configuration = placed.configuration,
          .configuration_index = placed.index,
          .bytes = 0,
          .checksum = 0};
}

bool RaftLog::has_to_hand_out() const { return handed_out_ < last_index() || (restored_ && !install_handed_out_); }

std::optional<SnapshotMeta> RaftLog::hand_out_install() {
  if (!restored_ || install_handed_out_) return std::nullopt;
  install_handed_out_ = true;
  return restored_;
}

std::vector<Entry> RaftLog::hand_out(std::uint64_t number) {
  // An install that was handed out just now is acknowledged by this number too.
  const bool installs = install_handed_out_ && std::none_of(inflight_.begin(), inflight_.end(),
                                                            [](const Inflight& ready) { return ready.installs; });
  std::vector<Entry> out;
  for (auto at = std::max(handed_out_ + 1, tail_first_); at < tail_end(); at = at + 1) out.push_back(in_tail(at));
  handed_out_ = last_index();
  if (!out.empty() || installs) inflight_.push_back({number, handed_out_, installs});
  return out;
}

void RaftLog::on_persisted(std::uint64_t number) {
  while (!inflight_.empty() && inflight_.front().number <= number) {
    const auto ready = inflight_.front();
    inflight_.pop_front();
    if (ready.installs) {
      restored_.reset();
      install_handed_out_ = false;
    }
    durable_ = std::max(durable_, ready.last);
  }
  while (!restored_ && !tail_.empty() && tail_first_ <= durable_) {
    tail_.pop_front();
    tail_first_ = tail_first_ + 1;
  }
}

std::vector<Entry> RaftLog::deliver(std::size_t bytes_max) {
  if (!has_to_deliver()) return {};
  const auto end = SLUICE_BUG("raft: applies what is not committed") ? durable_ : std::min(commit_, durable_);
  auto out = entries(delivered_ + 1, end + 1, bytes_max);
  if (!out.empty()) {
    SLUICE_ASSERT(out.front().index == delivered_ + 1, out.front().index, delivered_);
    delivered_ = out.back().index;
  }
  return out;
}

}  // namespace sluice::broker::raft

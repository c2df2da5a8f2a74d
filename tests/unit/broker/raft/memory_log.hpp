#pragma once

#include <deque>
#include <string>

#include "broker/raft/raft_log.hpp"
#include "broker/raft/ready.hpp"
#include "protocol/base/assert.hpp"
#include "protocol/base/crc32c.hpp"

namespace sluice::test {

using namespace broker::raft;

/// A disk: what was written of the Readies, and nothing else.
class MemoryLog : public StableLog {
 public:
  explicit MemoryLog(Configuration start) { snapshot_.configuration = std::move(start); }

  SnapshotMeta snapshot() const override { return snapshot_; }
  LogIndex first_index() const override { return base_index_ + 1; }
  LogIndex last_index() const override { return base_index_ + static_cast<std::int64_t>(entries_.size()); }

  std::optional<Term> term(LogIndex index) const override {
    if (index == base_index_) return base_term_;
    if (index < base_index_ || index > last_index()) return std::nullopt;
    return at(index).term;
  }

  std::vector<Entry> entries(LogIndex first, LogIndex end, std::size_t bytes_max) const override {
    std::vector<Entry> found;
    std::size_t bytes = 0;
    for (auto index = first; index < end; index = index + 1) {
      bytes += size_of(at(index));
      if (!found.empty() && bytes > bytes_max) break;
      found.push_back(at(index));
    }
    return found;
  }

  std::optional<std::string> snapshot_bytes(const SnapshotMeta& snapshot, std::int64_t offset,
                                            std::size_t bytes_max) const override {
    if (snapshot != snapshot_) return std::nullopt;
    return snapshot_data_.substr(static_cast<std::size_t>(offset), bytes_max);
  }

  const HardState& hard_state() const { return hard_state_; }
  const std::string& snapshot_data() const { return snapshot_data_; }
  Term last_term() const { return *term(last_index()); }

  /// Writes in the order that Ready prescribes, and stops after `steps` steps: a crash.
  void write(const Ready& ready, std::size_t steps = static_cast<std::size_t>(-1)) {
    const auto may_go_on = [&] { return steps-- > 0; };
    if (ready.hard_state) {
      if (!may_go_on()) return;
      hard_state_ = *ready.hard_state;
    }
    for (const auto& part : ready.snapshot_parts) {
      if (!may_go_on()) return;
      if (part.offset == 0) received_.clear();
      SLUICE_ASSERT(received_.size() == static_cast<std::size_t>(part.offset), received_.size(), part.offset);
      received_ += part.data;
    }
    if (ready.install) {
      if (!may_go_on()) return;
      install(*ready.install);
    }
    for (const auto& entry : ready.entries) {
      if (!may_go_on()) return;
      put(entry);
    }
  }

  bool is_received(const SnapshotMeta& snapshot) const {
    return received_.size() == static_cast<std::size_t>(snapshot.bytes) &&
           crc32c(as_byte_view(received_)) == snapshot.checksum;
  }
  void damage_received() { received_.back() = static_cast<char>(received_.back() ^ 1); }

  /// Makes a snapshot of `data`, and drops all entries that it covers but the last `kept`.
  void store_snapshot(SnapshotMeta snapshot, std::string data, std::int64_t kept) {
    snapshot.bytes = static_cast<std::int64_t>(data.size());
    snapshot.checksum = crc32c(as_byte_view(data));
    snapshot_ = std::move(snapshot);
    snapshot_data_ = std::move(data);
    while (base_index_ < snapshot_.index - kept) {
      base_term_ = entries_.front().term;
      base_index_ = base_index_ + 1;
      entries_.pop_front();
    }
  }

 private:
  const Entry& at(LogIndex index) const { return entries_.at(static_cast<std::size_t>(index - base_index_ - 1)); }

  void put(const Entry& entry) {
    SLUICE_ASSERT(entry.index > base_index_ && entry.index <= last_index() + 1, entry.index, last_index());
    entries_.resize(static_cast<std::size_t>(entry.index - base_index_ - 1));
    entries_.push_back(entry);
  }

  void install(const SnapshotMeta& snapshot) {
    SLUICE_ASSERT(is_received(snapshot), snapshot.index);
    snapshot_ = snapshot;
    snapshot_data_ = received_;
    entries_.clear();
    base_index_ = snapshot.index;
    base_term_ = snapshot.term;
  }

  HardState hard_state_;
  SnapshotMeta snapshot_;
  std::string snapshot_data_;
  LogIndex base_index_;  // of the entry before the first
  Term base_term_;
  std::deque<Entry> entries_;
  std::string received_;
};

}  // namespace sluice::test

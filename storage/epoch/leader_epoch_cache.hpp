#pragma once

#include <vector>

#include "protocol/base/ids.hpp"
#include "storage/checkpoint/leader_epoch_checkpoint.hpp"

namespace sluice::storage {

/// End of the largest epoch <= the one asked for (KIP-101); {kNoLeaderEpoch, kNoOffset} when there is none.
struct EpochEnd {
  LeaderEpoch leader_epoch = kNoLeaderEpoch;
  Offset end_offset = kNoOffset;

  friend bool operator==(const EpochEnd&, const EpochEnd&) = default;
};

/// Where each leader epoch began in one log. Pure: the owner persists it as `leader-epoch-checkpoint` when it changed.
///
/// Invariant: epochs and start offsets both grow strictly.
class LeaderEpochCache {
 public:
  LeaderEpochCache() = default;
  /// What a checkpoint said; entries that break the invariant are left out.
  explicit LeaderEpochCache(const std::vector<EpochStart>& entries);

  /// `leader_epoch` begins at `start_offset`. Entries it contradicts (not older, or not starting before) go, as in
  /// Kafka. Returns whether anything changed; an epoch that is already the latest keeps its start.
  bool assign(LeaderEpoch leader_epoch, Offset start_offset);

  /// The log now ends at `end_offset`: epochs that would start there or later go. Returns whether anything changed.
  bool truncate_from_end(Offset end_offset);
  /// The log now starts at `start_offset`: the epoch that holds it starts there, older ones go.
  bool truncate_from_start(Offset start_offset);
  bool clear();

  LeaderEpoch latest() const noexcept { return entries_.empty() ? kNoLeaderEpoch : entries_.back().leader_epoch; }

  /// `log_end_offset` is the end of the latest epoch. An epoch later than the latest is not known: no answer. One
  /// before the earliest answers {asked, start of the earliest}, as in Kafka.
  EpochEnd end_of(LeaderEpoch leader_epoch, Offset log_end_offset) const;

  /// The epoch in which `offset` was, or would be, written; kNoLeaderEpoch before the earliest.
  LeaderEpoch epoch_at(Offset offset) const;

  const std::vector<EpochStart>& entries() const noexcept { return entries_; }

 private:
  std::vector<EpochStart> entries_;
};

}  // namespace sluice::storage

#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "broker/group/group_record.hpp"
#include "protocol/base/ids.hpp"
#include "protocol/base/uuid.hpp"

namespace sluice::broker::group {

/// Where a group goes on reading one partition.
struct CommittedOffset {
  Offset offset = kNoOffset;
  LeaderEpoch leader_epoch = kNoLeaderEpoch;  ///< KIP-320: of the record before `offset`; kNoLeaderEpoch: not told
  std::string metadata{};
  Timestamp commit_timestamp{0};
  Timestamp expire_timestamp = kNoTimestamp;  ///< asked for by the client (OffsetCommit v2-4); kNoTimestamp: not
  Uuid topic_id{};                            ///< zero: committed by name only

  bool operator==(const CommittedOffset&) const = default;
};

/// The committed offsets of one group. Pure; `replay` is the only mutator, live and at load.
class Offsets {
 public:
  using Partitions = std::map<PartitionId, CommittedOffset>;
  using Topics = std::map<std::string, Partitions, std::less<>>;

  void replay(const OffsetRecord& record);

  bool empty() const noexcept { return topics_.empty(); }
  const Topics& topics() const noexcept { return topics_; }
  /// Null when there is none.
  const CommittedOffset* find(std::string_view topic, PartitionId partition) const;

  /// What counts as expired: `since`, where it is given, is when the group became empty and stands for the time of the
  /// commit; topics for which `keep` says true stay.
  struct Expiry {
    Timestamp now{0};
    std::chrono::milliseconds retention{0};
    std::optional<Timestamp> since{};
    std::function<bool(std::string_view topic)> keep = nullptr;
  };
  bool is_expired(std::string_view topic, const CommittedOffset& offset, const Expiry& expiry) const;

  /// Tombstones, to be appended and replayed.
  std::vector<GroupRecord> forget_expired(const std::string& group, const Expiry& expiry) const;
  std::vector<GroupRecord> forget_topic(const std::string& group, std::string_view topic) const;
  std::vector<GroupRecord> forget_all(const std::string& group) const;

  bool operator==(const Offsets&) const = default;

 private:
  Topics topics_;  // no topic is without partitions
};

OffsetRecord offset_record(const std::string& group, const std::string& topic, PartitionId partition,
                           const CommittedOffset& offset);
OffsetRecord offset_tombstone(const std::string& group, const std::string& topic, PartitionId partition);

}  // namespace sluice::broker::group

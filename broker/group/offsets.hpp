#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "broker/group/group_record.hpp"
#include "broker/group/offset_record_view.hpp"
#include "broker/group/partition_offsets.hpp"
#include "protocol/base/ids.hpp"

namespace sluice::broker::group {

/// The committed offsets of one group. Pure; `replay` is the only mutator, live and at load.
class Offsets {
 public:
  using Topics = std::map<std::string, PartitionOffsets, std::less<>>;

  void replay(const OffsetRecordView& record);
  void replay(const OffsetRecord& record) { replay(view_of(record)); }

  bool empty() const noexcept { return topics_.empty(); }
  const Topics& topics() const noexcept { return topics_; }
  std::size_t count() const noexcept;
  std::optional<CommittedOffset> find(std::string_view topic, PartitionId partition) const;

  /// What counts as expired: `since`, where it is given, is when the group became empty and stands for the time of the
  /// commit; topics for which `keep` says true stay.
  struct Expiry {
    Timestamp now{0};
    std::chrono::milliseconds retention{0};
    std::optional<Timestamp> since{};
    std::function<bool(std::string_view topic)> keep = nullptr;
  };

  /// Tombstones, to be appended and replayed.
  std::vector<GroupRecord> forget_expired(const std::string& group, const Expiry& expiry) const;
  std::vector<GroupRecord> forget_all(const std::string& group) const;

  bool operator==(const Offsets&) const = default;

 private:
  static bool is_expired(const CommittedOffset& offset, const Expiry& expiry);

  Topics topics_;  // no topic is without partitions
};

OffsetRecord offset_record(const std::string& group, const std::string& topic, PartitionId partition,
                           const CommittedOffset& offset);
OffsetRecord offset_tombstone(const std::string& group, const std::string& topic, PartitionId partition);

}  // namespace sluice::broker::group

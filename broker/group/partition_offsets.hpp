#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

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

/// The committed offsets of one topic's partitions, in 24 bytes each: a coordinator may keep millions of them. What
/// only few have (text, an expiry of their own, another topic id than the topic's others) is kept aside.
class PartitionOffsets {
 public:
  using Item = std::pair<PartitionId, CommittedOffset>;

  std::size_t size() const noexcept { return entries_.size(); }
  bool empty() const noexcept { return entries_.empty(); }
  std::optional<CommittedOffset> find(PartitionId partition) const;

  void set(PartitionId partition, const CommittedOffset& offset);
  void erase(PartitionId partition);

  /// In ascending order of partitions; items are made as they are looked at.
  class Iterator {
   public:
    Iterator(const PartitionOffsets& of, std::size_t at) noexcept : of_(&of), at_(at) {}
    Item operator*() const { return of_->item(at_); }
    Iterator& operator++() noexcept {
      ++at_;
      return *this;
    }
    bool operator==(const Iterator& other) const noexcept { return at_ == other.at_; }

   private:
    const PartitionOffsets* of_;
    std::size_t at_;
  };
  Iterator begin() const noexcept { return {*this, 0}; }
  Iterator end() const noexcept { return {*this, entries_.size()}; }

  bool operator==(const PartitionOffsets& other) const;

 private:
  struct Entry {
    Offset offset;
    std::int64_t commit_timestamp : 63;
    std::uint64_t has_rest : 1;  // rests_ knows more
    PartitionId partition;
    LeaderEpoch leader_epoch;
  };
  static_assert(sizeof(Entry) == 24);

  struct Rest {
    std::string metadata;
    Timestamp expire_timestamp;
    Uuid topic_id;
  };
  using Rests = std::unordered_map<std::int32_t, Rest>;  // by partition

  std::size_t lower_bound(PartitionId partition) const noexcept;
  bool holds(std::size_t at, PartitionId partition) const noexcept {
    return at < entries_.size() && entries_[at].partition == partition;
  }
  Item item(std::size_t at) const;
  Entry& find_or_make(PartitionId partition);

  std::vector<Entry> entries_;  // ascending by partition
  Uuid topic_id_{};             // of all entries without a rest
  std::unique_ptr<Rests> rests_;
};

}  // namespace sluice::broker::group

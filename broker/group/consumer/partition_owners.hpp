#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <unordered_map>

#include "broker/group/topic_partitions.hpp"

namespace sluice::broker::group {

struct ConsumerMember;

/// Who of a group owns each partition: it is assigned to that member, or pending its revocation.
///
/// Invariant, once all records were replayed: a partition is in the sets of its owner and of nobody else. While records
/// are replayed, of which compaction has left gaps, a later claim takes a partition over and its former owner's release
/// does nothing; every order of a log that ends well ends well here.
class PartitionOwners {
 public:
  struct Owner {
    const ConsumerMember* member = nullptr;
    std::int32_t assignment_epoch = 0;  ///< the member epoch in which it got the partition (KIP-1251)
  };

  /// Null: the partition is free.
  const Owner* find(const Uuid& topic, PartitionId partition) const {
    const auto found = owners_.find({topic, partition});
    return found == owners_.end() ? nullptr : &found->second;
  }
  void claim(const Uuid& topic, PartitionId partition, Owner owner) { owners_[{topic, partition}] = owner; }
  void release(const TopicPartitions& partitions, const ConsumerMember& member) {
    for (const auto& [topic, numbers] : partitions.topics()) {
      for (const auto number : numbers) {
        const auto found = owners_.find({topic, number});
        if (found != owners_.end() && found->second.member == &member) owners_.erase(found);
      }
    }
  }
  std::size_t size() const noexcept { return owners_.size(); }

 private:
  struct Key {
    Uuid topic;
    PartitionId partition;
    bool operator==(const Key&) const = default;
  };
  struct Hash {
    std::size_t operator()(const Key& key) const noexcept {
      return std::hash<Uuid>{}(key.topic) * 31 + std::hash<PartitionId>{}(key.partition) * 0x9E3779B97F4A7C15U;
    }
  };
  std::unordered_map<Key, Owner, Hash> owners_;
};

}  // namespace sluice::broker::group

#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <map>
#include <utility>
#include <vector>

#include "protocol/base/ids.hpp"
#include "protocol/base/uuid.hpp"

namespace sluice::broker::group {

/// A set of partitions of topics, which are told by their ids: what a member owns, or is to own.
///
/// Invariant: no topic is without partitions; the partitions of a topic are ascending and unique.
class TopicPartitions {
 public:
  using Partitions = std::vector<PartitionId>;
  using Topics = std::map<Uuid, Partitions>;

  bool empty() const noexcept { return topics_.empty(); }
  /// Number of partitions, of all topics.
  std::size_t size() const noexcept;
  const Topics& topics() const noexcept { return topics_; }
  /// Empty when there is none of `topic`.
  const Partitions& of(const Uuid& topic) const noexcept;
  bool contains(const Uuid& topic, PartitionId partition) const noexcept;
  /// Whether all of `other` is here.
  bool contains(const TopicPartitions& other) const noexcept;
  bool intersects(const TopicPartitions& other) const noexcept;

  void add(const Uuid& topic, PartitionId partition);
  /// In any order, with duplicates; all that there is of `topic` afterwards.
  void set(const Uuid& topic, Partitions partitions);
  void remove(const Uuid& topic) { topics_.erase(topic); }

  TopicPartitions& operator+=(const TopicPartitions& other);
  friend TopicPartitions operator+(TopicPartitions left, const TopicPartitions& right) { return left += right; }
  friend TopicPartitions operator-(const TopicPartitions& left, const TopicPartitions& right);
  friend TopicPartitions operator&(const TopicPartitions& left, const TopicPartitions& right);
  bool operator==(const TopicPartitions&) const = default;

 private:
  Topics topics_;
};

/// From the lists of a request or a record, whose items have `topic_id` and `partitions`.
template <class Items>
TopicPartitions from_items(const Items& items) {
  TopicPartitions::Topics collected;  // hostile input may name a topic a million times
  for (const auto& item : items) {
    auto& partitions = collected[item.topic_id];
    partitions.insert(partitions.end(), item.partitions.begin(), item.partitions.end());
  }
  TopicPartitions result;
  for (auto& [topic, partitions] : collected) result.set(topic, std::move(partitions));
  return result;
}

/// As the lists of a response or a record.
template <class Items>
Items to_items(const TopicPartitions& from) {
  Items items;
  for (const auto& [topic, partitions] : from.topics()) {
    auto& item = items.emplace_back();
    item.topic_id = topic;
    item.partitions.assign(partitions.begin(), partitions.end());
  }
  return items;
}

}  // namespace sluice::broker::group

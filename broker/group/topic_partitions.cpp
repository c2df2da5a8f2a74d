#include "broker/group/topic_partitions.hpp"

namespace sluice::broker::group {

std::size_t TopicPartitions::size() const noexcept {
  std::size_t size = 0;
  for (const auto& [topic, partitions] : topics_) size += partitions.size();
  return size;
}

const TopicPartitions::Partitions& TopicPartitions::of(const Uuid& topic) const noexcept {
  static const Partitions kNone;
  const auto found = topics_.find(topic);
  return found == topics_.end() ? kNone : found->second;
}

bool TopicPartitions::contains(const Uuid& topic, PartitionId partition) const noexcept {
  const auto& partitions = of(topic);
  return std::binary_search(partitions.begin(), partitions.end(), partition);
}

bool TopicPartitions::contains(const TopicPartitions& other) const noexcept {
  return std::all_of(other.topics_.begin(), other.topics_.end(), [&](const auto& entry) {
    const auto& mine = of(entry.first);
    return std::includes(mine.begin(), mine.end(), entry.second.begin(), entry.second.end());
  });
}

bool TopicPartitions::intersects(const TopicPartitions& other) const noexcept {
  return std::any_of(topics_.begin(), topics_.end(), [&](const auto& entry) {
    return std::any_of(entry.second.begin(), entry.second.end(),
                       [&](PartitionId partition) { return other.contains(entry.first, partition); });
  });
}

void TopicPartitions::add(const Uuid& topic, PartitionId partition) {
  auto& partitions = topics_[topic];
  const auto at = std::lower_bound(partitions.begin(), partitions.end(), partition);
  if (at == partitions.end() || *at != partition) partitions.insert(at, partition);
}

void TopicPartitions::set(const Uuid& topic, Partitions partitions) {
  if (partitions.empty()) {
    topics_.erase(topic);
    return;
  }
  std::sort(partitions.begin(), partitions.end());
  partitions.erase(std::unique(partitions.begin(), partitions.end()), partitions.end());
  topics_[topic] = std::move(partitions);
}

TopicPartitions& TopicPartitions::operator+=(const TopicPartitions& other) {
  for (const auto& [topic, theirs] : other.topics_) {
    auto& mine = topics_[topic];
    Partitions both;
    both.reserve(mine.size() + theirs.size());
    std::set_union(mine.begin(), mine.end(), theirs.begin(), theirs.end(), std::back_inserter(both));
    mine = std::move(both);
  }
  return *this;
}

TopicPartitions operator-(const TopicPartitions& left, const TopicPartitions& right) {
  TopicPartitions result;
  for (const auto& [topic, mine] : left.topics_) {
    const auto& theirs = right.of(topic);
    TopicPartitions::Partitions rest;
    std::set_difference(mine.begin(), mine.end(), theirs.begin(), theirs.end(), std::back_inserter(rest));
    if (!rest.empty()) result.topics_.emplace_hint(result.topics_.end(), topic, std::move(rest));
  }
  return result;
}

TopicPartitions operator&(const TopicPartitions& left, const TopicPartitions& right) {
  TopicPartitions result;
  for (const auto& [topic, mine] : left.topics_) {
    const auto& theirs = right.of(topic);
    TopicPartitions::Partitions both;
    std::set_intersection(mine.begin(), mine.end(), theirs.begin(), theirs.end(), std::back_inserter(both));
    if (!both.empty()) result.topics_.emplace_hint(result.topics_.end(), topic, std::move(both));
  }
  return result;
}

}  // namespace sluice::broker::group

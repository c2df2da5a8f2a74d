#include "tests/unit/broker/group/simulation/ownership.hpp"

#include <utility>

namespace sluice::test::sim {

void GenerationOwners::on_given(std::int32_t generation, const std::string& owner,
                                const TopicPartitionSet& partitions) {
  for (const auto& partition : partitions) {
    const auto& first = owners_.try_emplace({generation, partition}, owner).first->second;
    world_.promise(first == owner, "t{}-{} is given to {} and to {} in generation {}", partition.topic,
                   partition.partition, first, owner, generation);
    ++given_;
  }
}

std::uint64_t ToldOwners::on_heard(const std::string& member, std::optional<TopicPartitionSet> owned) {
  if (owned) told_[member] = std::move(*owned);
  return ++last_request_[member];
}

void ToldOwners::on_told(const std::string& member, std::uint64_t request, const TopicPartitionSet& assigned,
                         const broker::group::ConsumerGroup* stored) {
  if (request != last_request_[member]) return;
  if (stored == nullptr) {  // a classic group: generations tell who owns what, until it becomes one of this protocol
    told_[member] = assigned;
    return;
  }
  std::erase_if(told_, [&](const auto& entry) { return !stored->members().contains(entry.first); });
  for (const auto& partition : assigned) {
    for (const auto& [other, theirs] : told_) {
      world_.promise(other == member || !theirs.contains(partition), "t{}-{} is given to {}, but {} still has it",
                     partition.topic, partition.partition, member, other);
    }
    ++given_;
  }
  if (stored->members().contains(member)) told_[member].insert(assigned.begin(), assigned.end());
}

}  // namespace sluice::test::sim

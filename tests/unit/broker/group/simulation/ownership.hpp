#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "broker/group/consumer/consumer_group.hpp"
#include "tests/unit/broker/group/simulation/topics.hpp"
#include "tests/unit/broker/group/simulation/world.hpp"

namespace sluice::test::sim {

/// Classic groups: in one generation a partition is given to one member only, whatever happened to the coordinator in
/// between. A static member stays the same under a new member id.
class GenerationOwners {
 public:
  explicit GenerationOwners(World& world) : world_(world) {}

  /// The group has become one of the other protocol, which may count from the beginning.
  void start_over() { owners_.clear(); }
  void on_given(std::int32_t generation, const std::string& owner, const TopicPartitionSet& partitions);
  std::size_t given() const noexcept { return given_; }

 private:
  World& world_;
  std::map<std::pair<std::int32_t, TopicPartition>, std::string> owners_;
  std::size_t given_ = 0;
};

/// The consumer protocol: a partition is somebody's from when the coordinator tells (whether or not the answer arrives)
/// until the member says that it does not have it, or is no member any more according to the log. Members of the
/// classic protocol in such a group are told by SyncGroup, and say by JoinGroup what they have.
class ToldOwners {
 public:
  explicit ToldOwners(World& world) : world_(world) {}

  /// A request arrived. With `owned`, its sender has these and no others: what it was told otherwise got lost. Returns
  /// a number for `on_told`.
  std::uint64_t on_heard(const std::string& member, std::optional<TopicPartitionSet> owned);
  void on_left(const std::string& member) { told_.erase(member); }
  /// The answer to a request goes out; one that its sender has given up, and sent another, is told to nobody.
  /// `stored`: the group as the log has it; null when there is none.
  void on_told(const std::string& member, std::uint64_t request, const TopicPartitionSet& assigned,
               const broker::group::ConsumerGroup* stored);
  std::size_t given() const noexcept { return given_; }

 private:
  World& world_;
  std::map<std::string, TopicPartitionSet> told_;
  std::map<std::string, std::uint64_t> last_request_;
  std::size_t given_ = 0;
};

}  // namespace sluice::test::sim

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "broker/group/assignor/assignor.hpp"
#include "broker/group/assignor/subscriptions.hpp"

namespace sluice::broker::group {

/// Who owns which partition while an assignor is at work. The partitions of all topics are numbered in one row, topic
/// by topic.
///
/// Invariants: a partition has at most one owner, who subscribes its topic.
class Ownership {
 public:
  using Number = std::uint32_t;  ///< of a partition
  static constexpr std::int32_t kNobody = -1;

  /// Begins with what the members had, as far as that is still possible; the first of two claimants keeps a partition.
  /// `problem` must outlive this.
  explicit Ownership(const AssignmentProblem& problem);

  Number begin_of(std::size_t topic) const { return begin_[topic]; }
  Number end_of(std::size_t topic) const { return begin_[topic + 1]; }
  std::size_t partition_count() const noexcept { return owner_.size(); }

  std::int32_t owner(Number number) const { return owner_[number]; }
  void give(Number number, MemberIndex member) { owner_[number] = static_cast<std::int32_t>(member); }
  void take(Number number) { owner_[number] = kNobody; }

  /// False when no partition can be near to any member.
  bool knows_racks() const noexcept { return knows_racks_; }
  /// Ascending; empty where not known.
  const std::vector<std::string>& racks(Number number) const;
  /// Whether a replica is in the rack of `member`.
  bool is_near(Number number, MemberIndex member) const;

  std::vector<TopicPartitions> result() const;

 private:
  void claim_previous(MemberIndex member, const std::vector<std::size_t>& topics_by_id);

  const AssignmentProblem& problem_;
  std::vector<Number> begin_;         // by topic, and one more: the end
  std::vector<std::uint32_t> topic_;  // by partition
  std::vector<std::int32_t> owner_;   // by partition; kNobody or a MemberIndex
  bool knows_racks_ = false;
};

}  // namespace sluice::broker::group

#include "broker/group/consumer/consumer_group.hpp"

#include <algorithm>
#include <utility>

namespace sluice::broker::group {
namespace {

using protocol::ErrorCode;
using Described = protocol::ConsumerGroupDescribeResponse;

/// What ConsumerGroupDescribe calls the two kinds of members (KIP-1099).
constexpr std::int8_t kClassicMember = 0;
constexpr std::int8_t kConsumerMember = 1;

/// Topics that are no more have no name and are left out.
Described::Assignment described(const TopicPartitions& partitions, const controller::MetadataImage& image) {
  Described::Assignment assignment;
  for (const auto& [id, numbers] : partitions.topics()) {
    const auto* topic = image.find_topic(id);
    if (topic == nullptr) continue;
    auto& to = assignment.topic_partitions.emplace_back();
    to.topic_id = id;
    to.topic_name = topic->name;
    to.partitions = numbers;
  }
  return assignment;
}

}  // namespace

std::string_view name(ConsumerGroupState state) noexcept {
  switch (state) {
    case ConsumerGroupState::empty: return "Empty";
    case ConsumerGroupState::assigning: return "Assigning";
    case ConsumerGroupState::reconciling: return "Reconciling";
    case ConsumerGroupState::stable: return "Stable";
  }
  return "";
}

ConsumerGroupState ConsumerGroup::state() const {
  if (members_.empty()) return ConsumerGroupState::empty;
  if (group_epoch_ > assignment_epoch_) return ConsumerGroupState::assigning;
  const bool settled = std::all_of(members_.begin(), members_.end(),
                                   [&](const auto& entry) { return is_reconciled(entry.second, assignment_epoch_); });
  return settled ? ConsumerGroupState::stable : ConsumerGroupState::reconciling;
}

ErrorCode ConsumerGroup::check_commit(const std::string& member_id, const std::optional<std::string>& /*instance_id*/,
                                      std::int32_t member_epoch, Now now) {
  // Without membership: an admin tool, or a consumer that assigns partitions to itself.
  if (member_epoch < 0 && members_.empty()) return ErrorCode::none;
  auto* member = find_member(member_id);
  if (member == nullptr) return ErrorCode::unknown_member_id;
  if (member_epoch != member->member_epoch) {
    return member->classic ? ErrorCode::illegal_generation : ErrorCode::stale_member_epoch;
  }
  if (member->classic) keep_alive(*member, session_timeout_of(*member), now);
  return ErrorCode::none;
}

bool ConsumerGroup::may_commit_late(const std::string& member_id, std::int32_t member_epoch, const Uuid& topic,
                                    PartitionId partition) const {
  const auto member = members_.find(member_id);
  if (member == members_.end() || member->second.classic || member_epoch > member->second.member_epoch) return false;
  const auto* owner = owners_.find(topic, partition);
  return owner != nullptr && owner->member == &member->second && member_epoch >= owner->assignment_epoch;
}

ErrorCode ConsumerGroup::check_fetch(const std::optional<std::string>& member_id, std::int32_t member_epoch) const {
  if (!member_id && member_epoch < 0) return ErrorCode::none;  // an admin tool, or a client before KIP-848
  const auto member = members_.find(member_id.value_or(""));
  if (member == members_.end()) return ErrorCode::unknown_member_id;
  if (member_epoch == member->second.member_epoch) return ErrorCode::none;
  return member->second.classic ? ErrorCode::illegal_generation : ErrorCode::stale_member_epoch;
}

const TopicPartitions& ConsumerGroup::target_of(const std::string& member_id) const {
  static const TopicPartitions kNone;
  const auto found = target_.find(member_id);
  return found == target_.end() ? kNone : found->second;
}

protocol::ConsumerGroupDescribeResponse::DescribedGroup ConsumerGroup::describe(
    const controller::MetadataImage& image) const {
  Described::DescribedGroup group;
  group.group_id = id_;
  group.group_state = name(state());
  group.group_epoch = group_epoch_;
  group.assignment_epoch = assignment_epoch_;
  group.assignor_name = assignor_name();
  for (const auto& [id, member] : members_) {
    auto& to = group.members.emplace_back();
    to.member_id = id;
    to.instance_id = member.instance_id;
    to.rack_id = member.rack_id;
    to.member_epoch = member.member_epoch;
    to.client_id = member.client_id;
    to.client_host = member.client_host;
    to.subscribed_topic_names = member.subscribed_topic_names;
    to.subscribed_topic_regex = member.subscribed_topic_regex;
    to.assignment = described(member.assigned, image);
    to.target_assignment = described(target_of(id), image);
    to.member_type = member.classic ? kClassicMember : kConsumerMember;
  }
  return group;
}

std::vector<GroupRecord> ConsumerGroup::tombstones() const {
  Records records;
  for (const auto& [id, member] : members_) records.emplace_back(CurrentAssignmentRecord{{id_, id}, {}});
  for (const auto& [id, target] : target_) records.emplace_back(TargetAssignmentRecord{{id_, id}, {}});
  for (const auto& [id, member] : members_) records.emplace_back(MemberRecord{{id_, id}, {}});
  for (const auto& regex : regexes_.stored()) records.emplace_back(RegexRecord{{id_, regex}, {}});
  records.emplace_back(TargetEpochRecord{{id_}, {}});
  records.emplace_back(ConsumerGroupRecord{{id_}, {}});
  return records;
}

}  // namespace sluice::broker::group

#include "broker/group/consumer/reconciliation.hpp"

#include <utility>

namespace sluice::broker::group {
namespace {

/// Whether the member may still be reading some of `revoked`.
bool may_own(const TopicPartitions* owned, const TopicPartitions& revoked) {
  return !revoked.empty() && (owned == nullptr || owned->intersects(revoked));
}

/// Of `wanted`, what nobody else owns.
TopicPartitions free_of(const TopicPartitions& wanted, const ConsumerMember& member, const PartitionOwners& owners) {
  TopicPartitions free;
  for (const auto& [topic, numbers] : wanted.topics()) {
    TopicPartitions::Partitions here;
    for (const auto number : numbers) {
      const auto* owner = owners.find(topic, number);
      if (owner == nullptr || owner->member == &member) here.push_back(number);
    }
    free.set(topic, std::move(here));
  }
  return free;
}

Progress towards_target(const ConsumerMember& member, std::int32_t target_epoch, const TopicPartitions& target,
                        const TopicPartitions* owned, const PartitionOwners& owners) {
  auto kept = member.assigned & target;
  auto revoked = member.assigned - kept;
  if (may_own(owned, revoked)) {
    return {member.member_epoch, MemberState::unrevoked_partitions, std::move(kept), std::move(revoked)};
  }
  const auto wanted = target - kept;
  const auto free = free_of(wanted, member, owners);
  const auto state = free == wanted ? MemberState::stable : MemberState::unreleased_partitions;
  return {target_epoch, state, std::move(kept) + free, {}};
}

}  // namespace

Progress progress_of(const ConsumerMember& member) {
  return {member.member_epoch, member.state, member.assigned, member.pending_revocation};
}

bool is_reconciled(const ConsumerMember& member, std::int32_t target_epoch) noexcept {
  return member.state == MemberState::stable && member.member_epoch == target_epoch;
}

Progress reconcile(const ConsumerMember& member, std::int32_t target_epoch, const TopicPartitions& target,
                   const TopicPartitions* owned, const PartitionOwners& owners) {
  if (is_reconciled(member, target_epoch)) return progress_of(member);
  if (member.state == MemberState::unrevoked_partitions && may_own(owned, member.pending_revocation)) {
    return progress_of(member);
  }
  return towards_target(member, target_epoch, target, owned, owners);
}

Progress revoke_unsubscribed(const ConsumerMember& member, const std::function<bool(const Uuid& topic)>& subscribes) {
  auto next = progress_of(member);
  if (member.state != MemberState::unrevoked_partitions) return next;
  TopicPartitions unread;
  for (const auto& [topic, numbers] : member.assigned.topics()) {
    if (!subscribes(topic)) unread.set(topic, numbers);
  }
  next.assigned = next.assigned - unread;
  next.pending_revocation += unread;
  return next;
}

}  // namespace sluice::broker::group

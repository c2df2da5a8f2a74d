#pragma once

#include <cstdint>
#include <functional>

#include "broker/group/consumer/consumer_member.hpp"
#include "broker/group/consumer/partition_owners.hpp"

namespace sluice::broker::group {

/// Where one step of reconciliation takes a member.
struct Progress {
  std::int32_t member_epoch = 0;
  MemberState state = MemberState::stable;
  TopicPartitions assigned{};
  TopicPartitions pending_revocation{};

  bool operator==(const Progress&) const = default;
};

Progress progress_of(const ConsumerMember& member);
/// Whether the member owns its target of `target_epoch`: there is nothing to do for it.
bool is_reconciled(const ConsumerMember& member, std::int32_t target_epoch) noexcept;

/// Takes `member` as far towards its target as it can go now (KIP-848):
///
///   stable -> unrevoked     it owns what is not its any more: it stays in its epoch until it has let go
///   unrevoked -> unreleased, stable   `owned`, what it told it owns, has nothing left of that
///   stable, unreleased -> unreleased  into the target's epoch, with what is free of its target; others own the rest
///   unreleased -> stable    the last of the target came free
///
/// `owned` null: the member told nothing. A partition has at most one owner at any time: only what `owners` does not
/// know is handed out, or what this very member was to give up and gets back.
Progress reconcile(const ConsumerMember& member, std::int32_t target_epoch, const TopicPartitions& target,
                   const TopicPartitions* owned, const PartitionOwners& owners);

/// For a member that still has partitions to give up and has changed its subscription meanwhile: it is to give up at
/// once what it no longer reads, and not only when it is through with the rest.
Progress revoke_unsubscribed(const ConsumerMember& member, const std::function<bool(const Uuid& topic)>& subscribes);

}  // namespace sluice::broker::group

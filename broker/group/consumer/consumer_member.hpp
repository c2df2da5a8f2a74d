#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "broker/group/effects.hpp"
#include "broker/group/topic_partitions.hpp"
#include "protocol/messages/consumer_group_member_metadata_value.hpp"

namespace sluice::broker::group {

/// How far a member is on the way to its target assignment. Numbers as they are stored.
enum class MemberState : std::int8_t {
  stable = 0,                 ///< owns its target of the epoch it is in
  unrevoked_partitions = 1,   ///< still owns partitions that it was told to give up
  unreleased_partitions = 2,  ///< waits for partitions that others have not given up yet
};

/// One member of a consumer group (KIP-848), or a member of the classic protocol in such a group.
struct ConsumerMember {
  using ClassicMetadata = protocol::ConsumerGroupMemberMetadataValue::ClassicMemberMetadata;

  // What it told of itself (MemberRecord).
  std::string id{};
  std::optional<std::string> instance_id{};  ///< a static member
  std::optional<std::string> rack_id{};
  std::string client_id{};
  std::string client_host{};
  std::vector<std::string> subscribed_topic_names{};  ///< ascending, unique
  std::optional<std::string> subscribed_topic_regex{};
  std::chrono::milliseconds rebalance_timeout{-1};
  std::optional<std::string> server_assignor{};
  std::optional<ClassicMetadata> classic{};  ///< speaks the classic protocol: JoinGroup, SyncGroup, Heartbeat

  /// An empty one means none, too.
  bool has_regex() const noexcept { return subscribed_topic_regex && !subscribed_topic_regex->empty(); }

  // How far it is (CurrentAssignmentRecord).
  std::int32_t member_epoch = 0;  ///< -2: a static member that is away for a while
  std::int32_t previous_member_epoch = -1;
  MemberState state = MemberState::stable;
  TopicPartitions assigned{};            ///< may be read by it
  TopicPartitions pending_revocation{};  ///< told to be given up, not yet confirmed; disjoint from `assigned`

  // Soft. At the first of these the member is fenced.
  std::optional<Instant> session_deadline{};
  std::optional<Instant> rebalance_deadline{};  ///< while unrevoked_partitions
  std::optional<Instant> join_deadline{};       ///< of a classic member that was told to join again
  std::optional<Instant> sync_deadline{};       ///< of a classic member that has joined and is to sync
  std::optional<Instant> scheduled{};           ///< where the group's queue of deadlines has it
};

}  // namespace sluice::broker::group

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/config/group_settings.hpp"
#include "broker/controller/metadata_image.hpp"
#include "broker/group/classic/classic_group.hpp"
#include "broker/group/consumer/consumer_member.hpp"
#include "broker/group/consumer/partition_owners.hpp"
#include "broker/group/consumer/reconciliation.hpp"
#include "broker/group/consumer/resolved_regexes.hpp"
#include "broker/group/consumer/subscribed_topics.hpp"
#include "broker/group/effects.hpp"
#include "protocol/messages/consumer_group_describe.hpp"
#include "protocol/messages/consumer_group_heartbeat.hpp"
#include "protocol/messages/consumer_protocol_subscription.hpp"
#include "protocol/messages/heartbeat.hpp"
#include "protocol/messages/leave_group.hpp"

namespace sluice::broker::group {

enum class ConsumerGroupState {
  empty,        ///< no members; maybe offsets
  assigning,    ///< the group epoch is ahead of the target assignment
  reconciling,  ///< some member is not yet where its target assignment is
  stable,
};
std::string_view name(ConsumerGroupState state) noexcept;  ///< as clients are told

/// A ConsumerGroupHeartbeat request with what the broker knows of its sender.
struct ConsumerHeartbeatCall {
  const protocol::ConsumerGroupHeartbeatRequest& request;
  std::int16_t version;
  std::string client_id;
  std::string client_host;
  Uuid fresh_id;  ///< the id of a new member that brings none (version 0)
};

/// One group of the consumer protocol (KIP-848): its members, its epochs, what each member is to own, and how far it
/// is.
///
/// Pure: no clock, no I/O, no locks. Requests, the metadata of the cluster and the passing of time go in; answers and
/// records come out.
///
/// Every change of durable state is a record, and `replay` is the only mutator of that state, live and at load. Records
/// that a step returns have been replayed already: the driver appends them and holds every answer of the partition back
/// until what was appended before it is committed; when an append fails, all groups of the partition are loaded anew.
///
/// Three epochs: the group epoch counts the changes of members, subscriptions and topics; the assignment epoch is the
/// group epoch that the target assignment was made for; a member's epoch is the assignment epoch that it has come to.
/// Invariants: member epochs <= assignment epoch <= group epoch; every heartbeat that is accepted ends with assignment
/// epoch == group epoch; a partition has one owner at most, see PartitionOwners.
class ConsumerGroup {
 public:
  ConsumerGroup(std::string id, const config::GroupSettings& settings) : id_(std::move(id)), settings_(settings) {}
  // Members are pointed at.
  ConsumerGroup(const ConsumerGroup&) = delete;
  ConsumerGroup& operator=(const ConsumerGroup&) = delete;

  // consumer_group_heartbeat.cpp
  Decision<protocol::ConsumerGroupHeartbeatResponse> heartbeat(const ConsumerHeartbeatCall& call,
                                                               const controller::MetadataImage& image, Now now);

  // consumer_group_classic.cpp: requests of members that speak the classic protocol, and answers as those expect them.
  Effects join(const JoinCall& call, const controller::MetadataImage& image, Now now);
  Effects sync(const protocol::SyncGroupRequest& request, Ticket ticket, const controller::MetadataImage& image,
               Now now);
  protocol::ErrorCode heartbeat(const protocol::HeartbeatRequest& request, Now now);
  Decision<protocol::LeaveGroupResponse> leave(const protocol::LeaveGroupRequest& request);

  // consumer_group.cpp
  /// Whether a commit or a fetch of offsets may pass (KIP-848: stale_member_epoch); a commit that does keeps a classic
  /// member alive. A commit that is refused as stale may still pass partition by partition, see `may_commit_late`.
  protocol::ErrorCode check_commit(const std::string& member_id, const std::optional<std::string>& instance_id,
                                   std::int32_t member_epoch, Now now);
  /// KIP-1251: whether a member that has not yet heard of its present epoch had this partition in `member_epoch` and
  /// still has it. When this holds for all partitions of a commit, it passes.
  bool may_commit_late(const std::string& member_id, std::int32_t member_epoch, const Uuid& topic,
                       PartitionId partition) const;
  protocol::ErrorCode check_fetch(const std::optional<std::string>& member_id, std::int32_t member_epoch) const;

  // consumer_group_expiry.cpp
  /// When `tick` has something to do. Sessions and revocations that took too long: those members are fenced.
  std::optional<Instant> next_deadline() const;
  Effects tick(Now now);

  // consumer_group_replay.cpp: the only mutators of durable state, live and at load.
  void replay(const ConsumerGroupRecord& record);
  void replay(const MemberRecord& record);
  void replay(const TargetEpochRecord& record);
  void replay(const TargetAssignmentRecord& record);
  void replay(const CurrentAssignmentRecord& record);
  void replay(const RegexRecord& record);
  /// All records were replayed: everybody gets a new session.
  void restore(const controller::MetadataImage& image, Now now);

  ConsumerGroupState state() const;
  /// Whether anything is stored of the group, its offsets apart.
  bool is_stored() const noexcept { return is_stored_; }
  std::int32_t group_epoch() const noexcept { return group_epoch_; }
  std::int32_t assignment_epoch() const noexcept { return assignment_epoch_; }
  const std::map<std::string, ConsumerMember>& members() const noexcept { return members_; }
  /// Empty for a member that has none.
  const TopicPartitions& target_of(const std::string& member_id) const;
  const PartitionOwners& owners() const noexcept { return owners_; }
  bool is_subscribed_to(std::string_view topic) const { return topics_.contains(topic); }
  /// The assignor that most members ask for, else the default.
  std::string_view assignor_name() const;
  protocol::ConsumerGroupDescribeResponse::DescribedGroup describe(const controller::MetadataImage& image) const;
  /// Of everything that is stored of the group, its offsets apart.
  std::vector<GroupRecord> tombstones() const;

 private:
  using Response = protocol::ConsumerGroupHeartbeatResponse;
  using MemberValue = protocol::ConsumerGroupMemberMetadataValue;
  using Records = std::vector<GroupRecord>;

  /// A request that is turned down, and why.
  struct Refusal {
    protocol::ErrorCode error = protocol::ErrorCode::none;
    std::string message{};
  };
  using Check = std::optional<Refusal>;

  /// One request at work: what it goes by, and the records that it made, which are replayed already.
  struct Step {
    const controller::MetadataImage& image;
    Now now;
    Records records{};
  };
  template <class Record>
  void emit(Record record, Records& records) {
    replay(record);
    records.emplace_back(std::move(record));
  }

  // Steps that the two protocols share. All checks come first: what has emitted a record can't be turned down any more.

  /// Null when there is none of that id.
  ConsumerMember* find_member(const std::string& id);
  ConsumerMember* find_static_member(const std::optional<std::string>& instance_id);
  bool is_full_for(const std::string& member_id) const;
  /// consumer_group_members.cpp. `new_id` takes the place of a static member, and its assignment along, at epoch 0.
  /// Whether it was a member besides, whose assignment is free then: the group has changed.
  bool replace_static_member(const std::string& old_id, const std::string& new_id, Records& records);
  /// Makes `told` what is known of the member, which may be new. Whether its subscription is another now.
  bool update_member(const std::string& id, MemberValue told, Records& records);
  /// Tombstones; the group epoch is bumped. Nothing for ids that are no members.
  void remove_members(const std::vector<std::string>& ids, Records& records);
  void drop_unused_regexes(Records& records);
  static MemberValue told_by(const ConsumerMember& member);

  /// consumer_group_target.cpp. Up to date with the cluster and the members' subscriptions: looks regular expressions
  /// up, bumps the group epoch when topics have changed or `changed` says so, and makes the target assignment of a new
  /// group epoch.
  void update_target(bool changed, Step& step);
  /// Takes the member as far as it can go. `owned` null: it did not tell. Whether what is assigned to it has changed.
  bool reconcile_member(const std::string& id, const TopicPartitions* owned, bool subscription_changed, Step& step);
  void bump_group_epoch(Records& records);
  void assign_target(Step& step);
  std::vector<std::size_t> subscription_of(const ConsumerMember& member, std::span<const AssignableTopic> topics) const;
  bool subscribes(const ConsumerMember& member, const Uuid& topic) const;
  static protocol::ConsumerGroupTargetAssignmentMemberValue target_record_value(const TopicPartitions& target);
  /// `from` has the member's partitions so far: the member itself, or the one that it replaces.
  CurrentAssignmentRecord current_record(const std::string& id, const Progress& next, std::int32_t previous_epoch,
                                         const ConsumerMember& from) const;

  // Heartbeats.
  Check check_request(const ConsumerHeartbeatCall& call) const;
  Check check_sender(const protocol::ConsumerGroupHeartbeatRequest& request);
  Check check_static_sender(const protocol::ConsumerGroupHeartbeatRequest& request);
  Check check_epoch(const ConsumerMember& member, const protocol::ConsumerGroupHeartbeatRequest& request) const;
  Check check_regex(const protocol::ConsumerGroupHeartbeatRequest& request) const;
  Check check_leaving(const protocol::ConsumerGroupHeartbeatRequest& request);
  Decision<Response> leave(const protocol::ConsumerGroupHeartbeatRequest& request);
  void pause_static_member(ConsumerMember& member, Records& records);
  static MemberValue told_now(const ConsumerMember* member, const ConsumerHeartbeatCall& call);
  static bool tells_news(const ConsumerMember& member, const ConsumerHeartbeatCall& call);

  // Requests of classic members.
  protocol::ErrorCode check_join(const protocol::JoinGroupRequest& request);
  bool supports_protocols(const protocol::JoinGroupRequest& request) const;
  bool take_in(const std::string& member_id, const JoinCall& call,
               const protocol::ConsumerProtocolSubscription& subscription, Records& records);
  protocol::ErrorCode check_sync(const protocol::SyncGroupRequest& request, Now now);
  bool can_go_on(const ConsumerMember& member) const;
  void ask_to_join(ConsumerMember& member, Now now);
  protocol::ErrorCode check_classic_sender(const std::string& member_id, const std::optional<std::string>& instance_id,
                                           std::int32_t generation_id);
  protocol::ErrorCode check_identity(const std::string& member_id, const std::optional<std::string>& instance_id);

  // Deadlines.
  void keep_alive(ConsumerMember& member, std::chrono::milliseconds session_timeout, Now now);
  /// A classic member's own, or the broker's default.
  std::chrono::milliseconds session_timeout_of(const ConsumerMember& member) const;
  /// After any change of the member's deadlines.
  void schedule(ConsumerMember& member);
  void unschedule(ConsumerMember& member);

  // Replay.
  ConsumerMember& get_or_add(const std::string& id);
  void forget(const std::string& id);
  void release_subscription(ConsumerMember& member);

  const std::string id_;
  const config::GroupSettings& settings_;

  // Durable.
  bool is_stored_ = false;
  std::int32_t group_epoch_ = 0;
  std::uint64_t metadata_hash_ = 0;  // of the topics in group_epoch_
  std::int32_t assignment_epoch_ = 0;
  std::map<std::string, ConsumerMember> members_;
  std::map<std::string, TopicPartitions> target_;
  ResolvedRegexes regexes_;

  // Made of the above.
  std::map<std::string, std::string> static_ids_;  // instance id -> member id
  PartitionOwners owners_;
  SubscribedTopics topics_;

  // Soft.
  std::set<std::pair<Instant, std::string_view>> deadlines_;  // of members, whose keys are viewed
};

}  // namespace sluice::broker::group

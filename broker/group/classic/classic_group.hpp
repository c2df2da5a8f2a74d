#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "broker/config/group_settings.hpp"
#include "broker/group/classic/classic_member.hpp"
#include "broker/group/classic/protocol_support.hpp"
#include "broker/group/effects.hpp"
#include "protocol/base/uuid.hpp"
#include "protocol/messages/describe_groups.hpp"
#include "protocol/messages/heartbeat.hpp"
#include "protocol/messages/leave_group.hpp"

namespace sluice::broker::group {

enum class ClassicState {
  empty,                 ///< no members; maybe offsets
  preparing_rebalance,   ///< waits for the members to (re)join
  completing_rebalance,  ///< all have joined; waits for the leader's assignment
  stable,                ///< assignments are stored and handed out
};
std::string_view name(ClassicState state) noexcept;  ///< as clients are told

/// A JoinGroup request with what the broker knows of its sender.
struct JoinCall {
  const protocol::JoinGroupRequest& request;
  std::int16_t version;
  std::string client_id;
  std::string client_host;
  Uuid fresh_id;  ///< makes a new member's id unique
  Ticket ticket;
};

/// One group of the classic protocol: who its members are, in which generation, and what each was assigned.
///
/// Pure: no clock, no I/O, no locks. Requests and the passing of time go in, answers and records come out. What is
/// durable is `stored()`, a function of the replayed records alone; the rest is soft and made anew from it at load.
///
///   empty -> preparing_rebalance      first member joins
///   preparing_rebalance -> completing_rebalance   all have joined, or the time is up: the next generation begins
///   preparing_rebalance -> empty      nobody is left
///   completing_rebalance -> stable    the leader's assignment is stored
///   completing_rebalance, stable -> preparing_rebalance   a member joins, leaves, expires or changes its metadata
///
/// Invariants: a member waits for JoinGroup only while preparing_rebalance (or for the record of its replacement), for
/// SyncGroup only while completing_rebalance; there is a leader exactly when there are members; instance ids are
/// unique.
class ClassicGroup {
 public:
  ClassicGroup(std::string id, const config::GroupSettings& settings) : id_(std::move(id)), settings_(settings) {}

  // classic_group_join.cpp
  Effects join(const JoinCall& call, Now now);
  // classic_group_sync.cpp
  Effects sync(const protocol::SyncGroupRequest& request, Ticket ticket, Now now);
  /// The records of a GroupWrite are committed and replayed (none), or failed with `error`.
  Effects on_stored(GroupWrite write, protocol::ErrorCode error, Now now);
  // classic_group_heartbeat.cpp
  protocol::ErrorCode heartbeat(const protocol::HeartbeatRequest& request, Now now);
  /// Whether a commit of offsets may pass; one that does keeps the member alive.
  protocol::ErrorCode check_commit(const std::string& member_id, const std::optional<std::string>& instance_id,
                                   std::int32_t generation_id, Now now);
  // classic_group_leave.cpp
  Decision<protocol::LeaveGroupResponse> leave(const protocol::LeaveGroupRequest& request, Now now);

  /// When `tick` may have something to do, at the earliest.
  std::optional<Instant> next_deadline() const;
  Effects tick(Now now);

  /// The only mutator of `stored()`, live and at load.
  void replay(const GroupMetadataRecord& record) { stored_ = record.value; }
  const std::optional<protocol::GroupMetadataValue>& stored() const noexcept { return stored_; }
  /// Makes the members out of `stored()`, when all records were replayed. What is stored without a leader has yet to be
  /// assigned (see migration.hpp): the members have to join again.
  void restore(Now now);

  ClassicState state() const noexcept { return state_; }
  std::int32_t generation_id() const noexcept { return generation_id_; }
  const std::string& protocol_type() const noexcept { return protocol_type_; }
  /// The way of assigning that was chosen for this generation; empty when there is none.
  const std::string& protocol() const noexcept { return protocol_; }
  const std::string& leader() const noexcept { return leader_; }
  const std::map<std::string, ClassicMember>& members() const noexcept { return members_; }
  Timestamp state_timestamp() const noexcept { return state_timestamp_; }
  bool is_deserted() const noexcept { return members_.empty() && pending_.empty(); }
  bool is_consumer_group() const noexcept { return protocol_type_ == "consumer"; }
  /// Whether some member reads `topic`; of a consumer group whose subscriptions can't be read, any.
  bool is_subscribed_to(std::string_view topic) const;
  protocol::DescribeGroupsResponse::DescribedGroup describe() const;

 private:
  /// The topics that members read.
  struct TopicsRead {
    bool all = false;  // some subscription can't be read: it may be any
    std::set<std::string, std::less<>> names;
  };
  const TopicsRead& topics_read() const;

  // Joining.
  void join_as_new(const JoinCall& call, Now now, Effects& out);
  void join_again(const JoinCall& call, Now now, Effects& out);
  bool has_room_for(const std::string& member_id) const;
  bool supports_protocols(const protocol::JoinGroupRequest& request) const;
  void add_member(const std::string& member_id, const JoinCall& call, Now now, Effects& out);
  void update_member(ClassicMember& member, const JoinCall& call, Now now, Effects& out);
  void replace_static_member(const std::string& old_id, const std::string& new_id, const JoinCall& call, Now now,
                             Effects& out);
  void undo_replacement(const ClassicMember& before, const std::string& new_id, Now now);
  protocol::JoinGroupResponse join_response(const ClassicMember& member) const;
  void answer_join(ClassicMember& member, protocol::JoinGroupResponse response, Effects& out);
  void fail_join(ClassicMember& member, protocol::ErrorCode error, Effects& out);

  // Rebalancing: classic_group_rebalance.cpp
  void rebalance(Now now, Effects& out);
  void rejoin_or_rebalance(Now now, Effects& out);
  bool all_have_joined() const { return pending_.empty() && joined_ == members_.size(); }
  void finish_initial_delay(Now now, Effects& out);
  void complete_join(Now now, Effects& out);
  bool elect_leader_among_joined();
  std::string select_protocol() const;
  /// Whether all members support it.
  bool is_common(std::string_view protocol) const { return support_.supporters(protocol) == members_.size(); }
  std::chrono::milliseconds rebalance_timeout() const;

  // Syncing.
  void answer_sync(ClassicMember& member, protocol::ErrorCode error, Now now, Effects& out);
  void fail_syncs(protocol::ErrorCode error, Now now, Effects& out);
  std::size_t record_bytes(const std::map<std::string, std::vector<std::byte>>& assignments) const;
  GroupMetadataRecord metadata_record(const std::map<std::string, std::vector<std::byte>>* assignments) const;

  /// unknown_member_id, fenced_instance_id or none.
  protocol::ErrorCode check_member(const std::string& member_id, const std::optional<std::string>& instance_id) const;
  void remove_member(const std::string& member_id, Now now, Effects& out);
  void after_removal(bool of_members, Now now, Effects& out);
  bool waits(const ClassicMember& member) const;
  void keep_alive(ClassicMember& member, Now now) { expect_until(member, now.steady + member.session_timeout); }
  void expect_until(ClassicMember& member, Instant deadline);
  void note_deadline(Instant deadline);

  // What is counted or sought among all members changes here only.
  void set_protocols(ClassicMember& member, std::vector<MemberProtocol> protocols);
  void set_join(ClassicMember& member, std::optional<Ticket> ticket);
  void set_synced(ClassicMember& member, bool has_synced);
  void enter(ClassicState state, Now now);

  const std::string id_;
  const config::GroupSettings& settings_;
  std::optional<protocol::GroupMetadataValue> stored_;

  ClassicState state_ = ClassicState::empty;
  Timestamp state_timestamp_ = kNoTimestamp;
  std::int32_t generation_id_ = 0;
  std::string protocol_type_;
  std::string protocol_;  // chosen for this generation; empty when there is none
  std::string leader_;
  std::map<std::string, ClassicMember> members_;
  std::size_t joined_ = 0;                         // of members_, those whose JoinGroup waits
  std::size_t synced_ = 0;                         // of members_, those with has_synced
  ProtocolSupport support_;                        // by members_
  mutable std::optional<TopicsRead> topics_read_;  // by members_; nullopt: to be made anew when it is asked for
  // No id of pending_ and no session of members_ that do not wait ends before.
  std::optional<Instant> silence_deadline_;
  std::map<std::string, std::string> static_ids_;  // instance id -> member id
  std::map<std::string, Instant> pending_;         // ids given out with member_id_required, until when

  std::optional<Instant> join_deadline_;  // of preparing_rebalance
  std::optional<Instant> sync_deadline_;  // of completing_rebalance
  bool initial_delay_ = false;            // preparing from empty: only the delay ends it
  bool joined_during_delay_ = false;
  std::chrono::milliseconds delay_left_{0};  // how much the initial delay may still be extended
};

}  // namespace sluice::broker::group

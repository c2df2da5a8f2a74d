#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "broker/config/group_settings.hpp"
#include "broker/controller/metadata_image.hpp"
#include "broker/group/consumer/consumer_member.hpp"
#include "broker/group/effects.hpp"
#include "protocol/messages/consumer_group_describe.hpp"
#include "protocol/messages/consumer_group_heartbeat.hpp"

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
class ConsumerGroup {
 public:
  ConsumerGroup(std::string id, const config::GroupSettings& settings);

  Decision<protocol::ConsumerGroupHeartbeatResponse> heartbeat(const ConsumerHeartbeatCall& call,
                                                               const controller::MetadataImage& image, Now now);

  /// Whether a commit or a fetch of offsets may pass (KIP-848: stale_member_epoch); a commit that does keeps a classic
  /// member alive.
  protocol::ErrorCode check_commit(const std::string& member_id, const std::optional<std::string>& instance_id,
                                   std::int32_t member_epoch, Now now);
  protocol::ErrorCode check_fetch(const std::optional<std::string>& member_id, std::int32_t member_epoch) const;

  /// When `tick` has something to do. Sessions and revocations that took too long: those members are fenced.
  std::optional<Instant> next_deadline() const;
  Effects tick(Now now);

  // The only mutators of durable state, live and at load.
  void replay(const ConsumerGroupRecord& record);
  void replay(const MemberRecord& record);
  void replay(const TargetEpochRecord& record);
  void replay(const TargetAssignmentRecord& record);
  void replay(const CurrentAssignmentRecord& record);
  void replay(const RegexRecord& record);
  /// All records were replayed: everybody gets a new session.
  void restore(Now now);

  ConsumerGroupState state() const;
  std::int32_t group_epoch() const noexcept { return group_epoch_; }
  const std::map<std::string, ConsumerMember>& members() const noexcept { return members_; }
  bool is_subscribed_to(std::string_view topic) const;
  protocol::ConsumerGroupDescribeResponse::DescribedGroup describe(const controller::MetadataImage& image) const;
  /// Of everything that is stored of the group, its offsets apart.
  std::vector<GroupRecord> tombstones() const;

 private:
  const std::string id_;
  const config::GroupSettings& settings_;

  std::int32_t group_epoch_ = 0;
  std::int32_t assignment_epoch_ = 0;
  std::map<std::string, ConsumerMember> members_;
  std::map<std::string, TopicPartitions> target_;
};

}  // namespace sluice::broker::group

#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/controller/metadata_image.hpp"
#include "broker/group/coordinated_group.hpp"
#include "broker/group/group_census.hpp"
#include "protocol/messages/delete_groups.hpp"
#include "protocol/messages/list_groups.hpp"
#include "protocol/messages/offset_commit.hpp"
#include "protocol/messages/offset_delete.hpp"
#include "protocol/messages/offset_fetch.hpp"

namespace sluice::broker::group {

/// The groups of one partition of `__consumer_offsets`: finds the group of a request, makes and forgets groups, gives
/// them the core that the protocol of their members asks for, and knows who is due next.
///
/// Pure: no clock, no I/O, no locks. Offsets and what is stored of classic groups change in `replay` only, when their
/// records are committed. Groups of the consumer protocol take their records in as they make them, so that a shard
/// whose records can't be written is ahead of its log and must be made anew. A group exists as long as it has members,
/// ids given out, something stored, or an append under way.
class GroupShard {
 public:
  using Image = std::shared_ptr<const controller::MetadataImage>;

  /// `settings` must outlive the shard.
  explicit GroupShard(const config::GroupSettings& settings);

  /// The metadata that what follows goes by. Never null.
  void set_image(Image image) { image_ = std::move(image); }

  // Of members: group_shard_members.cpp
  Effects join(const JoinCall& call, Now now);
  Effects sync(const protocol::SyncGroupRequest& request, Ticket ticket, Now now);
  protocol::HeartbeatResponse heartbeat(const protocol::HeartbeatRequest& request, Now now);
  Decision<protocol::LeaveGroupResponse> leave(const protocol::LeaveGroupRequest& request, Now now);
  // group_shard_consumer.cpp
  Decision<protocol::ConsumerGroupHeartbeatResponse> consumer_heartbeat(const ConsumerHeartbeatCall& call, Now now);

  // Of offsets: group_shard_offsets.cpp. Topics come by name, which the caller has resolved and knows to exist; ids are
  // kept and handed back. `version` is that of the request. What would make more records than fit in one batch (1 MiB)
  // is refused. A fetch of all topics answers one twice that has offsets of several ids, as when it was made anew.
  Decision<protocol::OffsetCommitResponse> commit(const protocol::OffsetCommitRequest& request, std::int16_t version,
                                                  Now now);
  using FetchOfGroup = protocol::OffsetFetchRequest::OffsetFetchRequestGroup;
  using FetchedOfGroup = protocol::OffsetFetchResponse::OffsetFetchResponseGroup;
  FetchedOfGroup fetch(const FetchOfGroup& request) const;
  Decision<protocol::OffsetDeleteResponse> delete_offsets(const protocol::OffsetDeleteRequest& request) const;

  // Of administrators: group_shard_admin.cpp. Each group is compared with all of `request`'s filters.
  std::vector<protocol::ListGroupsResponse::ListedGroup> list(const protocol::ListGroupsRequest& request) const;
  using Described = protocol::DescribeGroupsResponse::DescribedGroup;
  using ConsumerDescribed = protocol::ConsumerGroupDescribeResponse::DescribedGroup;
  /// group_id_not_found and "Dead" when there is no such group of the classic protocol.
  Described describe(const std::string& group) const;
  /// group_id_not_found when there is no such group of the consumer protocol.
  ConsumerDescribed describe_consumer(const std::string& group) const;
  using Deleted = protocol::DeleteGroupsResponse::DeletableGroupResult;
  Decision<Deleted> delete_group(const std::string& group);

  // Housekeeping: each returns one write for every group that loses something. group_shard_expiry.cpp
  std::vector<GroupWrite> forget_topic(std::string_view topic, const Uuid& topic_id) const;
  /// Offsets of topics that `image` does not have, or has anew.
  std::vector<GroupWrite> forget_deleted_topics(const controller::MetadataImage& image) const;
  /// Leaves groups alone that have an append under way.
  std::vector<GroupWrite> forget_expired(Now now);

  /// The driver tells of each batch of records of `group` that it appends, so that the group outlives it: before, and
  /// after its records were replayed or could not be written.
  void on_append(const std::string& group);
  void on_appended(const std::string& group);
  Effects on_stored(GroupWrite write, protocol::ErrorCode error, Now now);

  /// A record is committed. Those that were taken in when they were made change nothing.
  void replay(const GroupRecord& record);
  /// At load instead: the next record of the log. Compaction may have removed records before it.
  void load(const GroupRecord& record);
  void load(const OffsetRecordView& record);
  /// Every record of the log was loaded: makes the members out of what is stored.
  void finish_loading(Now now);

  std::optional<Instant> next_deadline() const;
  Effects tick(Now now);

  std::size_t group_count() const noexcept { return groups_.size(); }
  GroupCensus census() const;  ///< looks at every group
  /// Null when there is none.
  const CoordinatedGroup* find(std::string_view group) const;
  /// Its core of that protocol, or its offsets. Null when there is none.
  const ClassicGroup* find_classic(const std::string& group) const;
  const ConsumerGroup* find_consumer(const std::string& group) const;
  const Offsets* find_offsets(const std::string& group) const;

 private:
  CoordinatedGroup* find(std::string_view group);
  CoordinatedGroup& find_or_make(std::string_view group);
  ClassicGroup& classic_of(CoordinatedGroup& group, const std::string& id);
  ConsumerGroup& consumer_of(CoordinatedGroup& group, const std::string& id);
  void settle(const std::string& group, bool is_writing = false);
  void end_consumer_group(const std::string& group);

  void load_into(CoordinatedGroup& group, const OffsetRecord& record);
  void load_into(CoordinatedGroup& group, const GroupMetadataRecord& record);
  void load_into(CoordinatedGroup& group, const ConsumerGroupRecord& record);
  template <class Record>
  void load_into(CoordinatedGroup& group, const Record& record);

  Effects join_instead_of_consumers(const JoinCall& call, CoordinatedGroup& group, Now now);
  Decision<protocol::ConsumerGroupHeartbeatResponse> start_consumer_group(const ConsumerHeartbeatCall& call, Now now);
  Effects join_consumer_group(const JoinCall& call, CoordinatedGroup& group, Now now);
  Decision<protocol::ConsumerGroupHeartbeatResponse> upgrade_and_join(const ConsumerHeartbeatCall& call,
                                                                      CoordinatedGroup& group, Now now);
  Effects downgrade_if_due(const std::string& id, Now now);
  protocol::ErrorCode check_commit(const protocol::OffsetCommitRequest& request, std::int16_t version, Now now);
  protocol::ErrorCode check_fetch(const FetchOfGroup& request, const CoordinatedGroup* group) const;

  const config::GroupSettings* settings_;
  Image image_;
  std::map<std::string, CoordinatedGroup, std::less<>> groups_;
  std::set<std::pair<Instant, std::string>> due_;  // as the groups' `due`
};

}  // namespace sluice::broker::group

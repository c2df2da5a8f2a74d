#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "broker/group/classic/classic_group.hpp"
#include "broker/group/offsets.hpp"
#include "protocol/messages/delete_groups.hpp"
#include "protocol/messages/list_groups.hpp"
#include "protocol/messages/offset_commit.hpp"
#include "protocol/messages/offset_delete.hpp"
#include "protocol/messages/offset_fetch.hpp"

namespace sluice::broker::group {

/// The groups of one partition of `__consumer_offsets`: finds the group of a request, makes and forgets groups, and
/// knows who is due next.
///
/// Pure: no clock, no I/O, no locks. Durable state (offsets, stored metadata) changes in `replay` only, live and at
/// load; a group exists as long as it has members, ids given out, something stored, or a write under way.
class GroupShard {
 public:
  /// `settings` must outlive the shard.
  explicit GroupShard(const config::GroupSettings& settings) : settings_(&settings) {}

  // Of members.
  Effects join(const JoinCall& call, Now now);
  Effects sync(const protocol::SyncGroupRequest& request, Ticket ticket, Now now);
  protocol::HeartbeatResponse heartbeat(const protocol::HeartbeatRequest& request, Now now);
  Decision<protocol::LeaveGroupResponse> leave(const protocol::LeaveGroupRequest& request, Now now);

  // Of offsets. Topics come by name, which the caller has resolved and knows to exist; ids are kept and handed back.
  Decision<protocol::OffsetCommitResponse> commit(const protocol::OffsetCommitRequest& request, Now now);
  using FetchOfGroup = protocol::OffsetFetchRequest::OffsetFetchRequestGroup;
  using FetchedOfGroup = protocol::OffsetFetchResponse::OffsetFetchResponseGroup;
  FetchedOfGroup fetch(const FetchOfGroup& request) const;
  Decision<protocol::OffsetDeleteResponse> delete_offsets(const protocol::OffsetDeleteRequest& request) const;

  // Of administrators.
  using Described = protocol::DescribeGroupsResponse::DescribedGroup;
  std::vector<protocol::ListGroupsResponse::ListedGroup> list(const protocol::ListGroupsRequest& request) const;
  /// group_id_not_found and "Dead" when there is no such group.
  Described describe(const std::string& group) const;
  using Deleted = protocol::DeleteGroupsResponse::DeletableGroupResult;
  Decision<Deleted> delete_group(const std::string& group) const;

  // Housekeeping: each returns one write for every group that loses something.
  std::vector<GroupWrite> forget_topic(std::string_view topic, const Uuid& topic_id) const;
  std::vector<GroupWrite> forget_expired(Now now) const;

  /// The driver tells of each batch of records of `group` that it appends, so that the group outlives it: before, and
  /// after its records were replayed or could not be written.
  void on_append(const std::string& group);
  void on_appended(const std::string& group);
  Effects on_stored(GroupWrite write, protocol::ErrorCode error, Now now);

  void replay(const GroupRecord& record);
  /// Every record of the log was replayed: makes the members out of what is stored.
  void finish_loading(Now now);
  Effects abandon(protocol::ErrorCode error);

  std::optional<Instant> next_deadline() const;
  Effects tick(Now now);

  std::size_t group_count() const noexcept { return groups_.size(); }
  /// For tests. Null when there is none.
  const ClassicGroup* find_classic(const std::string& group) const;
  const Offsets* find_offsets(const std::string& group) const;

 private:
  struct Group {
    Group(const std::string& id, const config::GroupSettings& settings) : classic(id, settings) {}

    ClassicGroup classic;
    Offsets offsets;
    int appends = 0;  // under way
    std::optional<Instant> due{};

    bool is_gone() const { return classic.is_deserted() && !classic.stored() && offsets.empty() && appends == 0; }
  };

  Group* find(const std::string& group);
  const Group* find(const std::string& group) const;
  Group& find_or_make(const std::string& group);
  void settle(const std::string& group);
  protocol::ErrorCode check_commit(const protocol::OffsetCommitRequest& request, Now now);
  std::vector<GroupRecord> tombstones(const std::string& id, const Group& group) const;

  const config::GroupSettings* settings_;
  std::map<std::string, Group> groups_;
  std::set<std::pair<Instant, std::string>> due_;  // as the groups' `due`
};

}  // namespace sluice::broker::group

#include "broker/group/consumer/migration.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <iterator>
#include <map>
#include <variant>

#include "broker/group/consumer/consumer_protocol_blob.hpp"
#include "broker/group/member_limits.hpp"
#include "protocol/base/clipped.hpp"

namespace sluice::broker::group {
namespace {

using config::MigrationPolicy;
using protocol::ErrorCode;

bool allows_upgrade(MigrationPolicy policy) {
  return policy == MigrationPolicy::upgrade || policy == MigrationPolicy::bidirectional;
}
bool allows_downgrade(MigrationPolicy policy) {
  return policy == MigrationPolicy::downgrade || policy == MigrationPolicy::bidirectional;
}

/// A classic member with what the broker could read of it.
struct ReadMember {
  const ClassicMember* member;
  protocol::ConsumerProtocolSubscription subscription;
  TopicPartitions owned;
};

const std::vector<std::byte>& metadata_of(const ClassicMember& member, const std::string& protocol) {
  static const std::vector<std::byte> kNone;
  if (const auto* chosen = member.find_protocol(protocol)) return chosen->metadata;
  return member.protocols.empty() ? kNone : member.protocols.front().metadata;  // before the first generation
}

/// Reads one member; why it can't be read, else empty.
std::string read_member(const ClassicMember& from, const std::string& protocol, const controller::MetadataImage& image,
                        ReadMember& to) {
  auto subscription = decode_subscription(metadata_of(from, protocol));
  const auto assignment = decode_assignment(from.assignment);
  if (!subscription || !assignment) return "what its members tell each other is not in the consumer protocol's format";
  if (assignment->user_data && !assignment->user_data->empty()) return "its assignor passes data to the members";
  to = {&from, std::move(*subscription), partitions_of(*assignment, image)};
  return {};
}

/// Makes every partition's owner unique. The assignment counts before what members said they had when they joined; but
/// that counts even when the assignment is stored: whoever is to give something up may not have heard of it yet, or
/// reads on until it has joined once more (KIP-429).
void settle_owners(std::vector<ReadMember>& members, const controller::MetadataImage& image) {
  TopicPartitions taken;
  for (auto& member : members) {
    member.owned = member.owned - taken;
    taken += member.owned;
  }
  for (auto& member : members) {
    const auto more = owned_partitions_of(member.subscription, image) - taken;
    member.owned += more;
    taken += more;
  }
}

/// What the members of `classic` told, and were assigned.
std::size_t bytes_of(const ClassicGroup& classic) {
  std::size_t bytes = 0;
  for (const auto& [id, member] : classic.members()) {
    bytes += member.assignment.size();
    for (const auto& protocol : member.protocols) bytes += protocol.name.size() + protocol.metadata.size();
  }
  return bytes;
}

protocol::ConsumerGroupMemberMetadataValue told_by(const ReadMember& from) {
  protocol::ConsumerGroupMemberMetadataValue told;
  told.instance_id = from.member->instance_id;
  told.rack_id = from.subscription.rack_id;
  told.client_id = from.member->client_id;
  told.client_host = from.member->client_host;
  told.subscribed_topic_names = topics_of(from.subscription);
  told.rebalance_timeout_ms = static_cast<std::int32_t>(from.member->rebalance_timeout.count());
  auto& classic = told.classic_member_metadata.emplace();
  classic.session_timeout_ms = static_cast<std::int32_t>(from.member->session_timeout.count());
  for (const auto& [name, metadata] : from.member->protocols) classic.supported_protocols.push_back({name, metadata});
  return told;
}

TargetAssignmentRecord target_record(const std::string& id, const ReadMember& from) {
  using Value = protocol::ConsumerGroupTargetAssignmentMemberValue;
  TargetAssignmentRecord record{{id, from.member->id}, Value{}};
  record.value->topic_partitions = to_items<std::vector<Value::TopicPartition>>(from.owned);
  return record;
}

CurrentAssignmentRecord current_record(const std::string& id, const ReadMember& from, std::int32_t epoch) {
  using Value = protocol::ConsumerGroupCurrentMemberAssignmentValue;
  CurrentAssignmentRecord record{{id, from.member->id}, Value{}};
  record.value->member_epoch = epoch;
  record.value->previous_member_epoch = epoch;
  record.value->assigned_partitions = to_items<std::vector<Value::TopicPartitions>>(from.owned);
  return record;
}

std::vector<GroupRecord> records_of(const std::string& id, const std::vector<ReadMember>& members, std::int32_t epoch) {
  std::vector<GroupRecord> records;
  for (const auto& member : members) records.emplace_back(MemberRecord{{id, member.member->id}, told_by(member)});
  ConsumerGroupRecord group{{id}, protocol::ConsumerGroupMetadataValue{}};
  group.value->epoch = epoch;
  records.emplace_back(std::move(group));
  for (const auto& member : members) records.emplace_back(target_record(id, member));
  TargetEpochRecord target{{id}, protocol::ConsumerGroupTargetAssignmentMetadataValue{}};
  target.value->assignment_epoch = epoch;
  records.emplace_back(std::move(target));
  for (const auto& member : members) records.emplace_back(current_record(id, member, epoch));
  return records;
}

struct Replay {
  ConsumerGroup& group;
  template <class Record>
  void operator()(const Record& record) const {
    if constexpr (requires { group.replay(record); }) group.replay(record);
  }
};

/// The way of assigning that most members prefer among those all know; empty when there is none.
std::string common_protocol(const ConsumerGroup& group) {
  std::map<std::string, std::size_t> supporters;
  for (const auto& [id, member] : group.members()) {
    std::vector<std::string> own;  // a client might name one twice
    for (const auto& protocol : member.classic->supported_protocols) own.push_back(protocol.name);
    std::sort(own.begin(), own.end());
    own.erase(std::unique(own.begin(), own.end()), own.end());
    for (const auto& name : own) ++supporters[name];
  }
  std::map<std::string, std::size_t> votes;
  for (const auto& [id, member] : group.members()) {
    const auto& own = member.classic->supported_protocols;
    const auto first = std::find_if(own.begin(), own.end(), [&](const auto& protocol) {
      return supporters.at(protocol.name) == group.members().size();
    });
    if (first != own.end()) ++votes[first->name];
  }
  const auto most = std::max_element(votes.begin(), votes.end(),
                                     [](const auto& left, const auto& right) { return left.second < right.second; });
  return most == votes.end() ? std::string{} : most->first;
}

protocol::GroupMetadataValue::MemberMetadata classic_member_of(const ConsumerMember& from, const std::string& protocol,
                                                               const controller::MetadataImage& image) {
  protocol::GroupMetadataValue::MemberMetadata to;
  to.member_id = from.id;
  to.group_instance_id = from.instance_id;
  to.client_id = from.client_id;
  to.client_host = from.client_host;
  to.rebalance_timeout = static_cast<std::int32_t>(from.rebalance_timeout.count());
  to.session_timeout = from.classic->session_timeout_ms;
  for (const auto& supported : from.classic->supported_protocols) {
    if (supported.name == protocol) to.subscription = supported.metadata;
  }
  to.assignment = encode_assignment(assignment_of(from.assigned, image), to.subscription);
  return to;
}

}  // namespace

Upgraded upgrade(const std::string& id, const ClassicGroup& classic, const config::GroupSettings& settings,
                 const controller::MetadataImage& image, Now now) {
  const auto refuse = [&](std::string_view why) {
    return Upgraded{.obstacle = fmt::format("Classic group {} can't become a consumer group: {}.", clipped(id), why)};
  };
  if (!allows_upgrade(settings.consumer_migration_policy)) return refuse("group.consumer.migration.policy forbids it");
  if (!classic.is_consumer_group()) return refuse("its members are not consumers");
  if (static_cast<std::int64_t>(classic.members().size()) > settings.consumer_size_max) {
    return refuse("it has more members than group.consumer.max.size");
  }
  if (bytes_of(classic) > kGroupBytesMax) return refuse("what its members tell each other is too much for one batch");
  std::vector<ReadMember> members;
  for (const auto& [member_id, member] : classic.members()) {
    ReadMember read{};
    if (const auto why = read_member(member, classic.protocol(), image, read); !why.empty()) return refuse(why);
    members.push_back(std::move(read));
  }
  settle_owners(members, image);

  Upgraded upgraded{.group = std::make_unique<ConsumerGroup>(id, settings)};
  auto records = records_of(id, members, classic.generation_id());
  for (const auto& record : records) std::visit(Replay{*upgraded.group}, record);
  upgraded.group->restore(image, now);
  // Even when nothing is stored yet: its record may be on the way.
  upgraded.records.emplace_back(GroupMetadataRecord{{.group = id}, std::nullopt});
  upgraded.records.insert(upgraded.records.end(), std::make_move_iterator(records.begin()),
                          std::make_move_iterator(records.end()));
  return upgraded;
}

Effects send_back_waiting(const ClassicGroup& classic) {
  Effects out;
  for (const auto& [id, member] : classic.members()) {
    if (member.join) {
      auto& answer = out.joins.emplace_back(JoinAnswer{*member.join, {}});
      answer.response.error_code = ErrorCode::rebalance_in_progress;
      answer.response.member_id = id;
    }
    if (member.sync) {
      out.syncs.push_back({*member.sync, {}});
      out.syncs.back().response.error_code = ErrorCode::rebalance_in_progress;
    }
  }
  return out;
}

std::optional<Downgraded> downgrade(const std::string& id, const ConsumerGroup& consumer,
                                    const config::GroupSettings& settings, const controller::MetadataImage& image,
                                    Now now) {
  const auto& members = consumer.members();
  const bool is_possible =
      allows_downgrade(settings.consumer_migration_policy) && !members.empty() &&
      static_cast<std::int64_t>(members.size()) <= settings.size_max &&
      std::all_of(members.begin(), members.end(), [](const auto& entry) { return entry.second.classic.has_value(); });
  if (!is_possible) return std::nullopt;
  const auto protocol = common_protocol(consumer);
  if (protocol.empty()) return std::nullopt;

  GroupMetadataRecord record{{.group = id}, protocol::GroupMetadataValue{}};
  auto& value = *record.value;
  value.protocol_type = "consumer";
  // That of the members who are up to date, so that they are asked to join again and not told that they are lost.
  value.generation = consumer.assignment_epoch();
  value.protocol = protocol;
  // Without a leader they have to join again, after a restart of the coordinator too. So they do when one of them is
  // about to sync with another way of assigning, which it was told when it joined.
  const bool is_misled = std::any_of(members.begin(), members.end(), [&](const auto& entry) {
    return entry.second.sync_deadline && entry.second.classic->supported_protocols.front().name != protocol;
  });
  const bool is_settled = consumer.state() == ConsumerGroupState::stable && !is_misled;
  value.leader = is_settled ? std::optional{members.begin()->first} : std::nullopt;
  value.current_state_timestamp = now.wall;
  std::size_t bytes = 0;
  for (const auto& [member_id, member] : members) {
    const auto& made = value.members.emplace_back(classic_member_of(member, protocol, image));
    bytes += made.subscription.size() + made.assignment.size();
  }
  if (bytes > kGroupBytesMax) return std::nullopt;
  Downgraded downgraded{.group = std::make_unique<ClassicGroup>(id, settings), .records = consumer.tombstones()};
  downgraded.group->replay(record);
  downgraded.group->restore(now);
  downgraded.records.emplace_back(std::move(record));
  return downgraded;
}

}  // namespace sluice::broker::group

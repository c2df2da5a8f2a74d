#include <algorithm>
#include <utility>

#include "broker/group/consumer/consumer_group.hpp"
#include "broker/group/consumer/sorted_names.hpp"
#include "broker/group/consumer_options.hpp"

namespace sluice::broker::group {
namespace {

MemberState state_of(std::int8_t stored) {
  switch (stored) {
    case static_cast<std::int8_t>(MemberState::stable): return MemberState::stable;
    case static_cast<std::int8_t>(MemberState::unrevoked_partitions): return MemberState::unrevoked_partitions;
    default: return MemberState::unreleased_partitions;  // of a later version too: reconciled anew
  }
}

/// An unset epoch is the member's own: written before KIP-1251.
std::int32_t epoch_at(const std::optional<std::vector<std::int32_t>>& epochs, std::size_t at,
                      std::int32_t member_epoch) {
  return epochs && at < epochs->size() ? (*epochs)[at] : member_epoch;
}

}  // namespace

void ConsumerGroup::replay(const ConsumerGroupRecord& record) {
  is_stored_ = record.value.has_value();
  group_epoch_ = record.value ? record.value->epoch : 0;
  metadata_hash_ = record.value ? static_cast<std::uint64_t>(record.value->metadata_hash) : 0;
}

void ConsumerGroup::replay(const TargetEpochRecord& record) {
  assignment_epoch_ = record.value ? record.value->assignment_epoch : 0;
}

void ConsumerGroup::replay(const TargetAssignmentRecord& record) {
  if (record.value) {
    target_[record.key.member_id] = from_items(record.value->topic_partitions);
  } else {
    target_.erase(record.key.member_id);
  }
}

void ConsumerGroup::replay(const MemberRecord& record) {
  const auto& id = record.key.member_id;
  if (!record.value) return forget(id);
  auto& member = get_or_add(id);
  release_subscription(member);
  const auto& from = *record.value;
  member.instance_id = from.instance_id;
  member.rack_id = from.rack_id;
  member.client_id = from.client_id;
  member.client_host = from.client_host;
  member.subscribed_topic_names = sorted(from.subscribed_topic_names);
  member.subscribed_topic_regex = from.subscribed_topic_regex;
  member.rebalance_timeout = std::chrono::milliseconds{from.rebalance_timeout_ms};
  member.server_assignor = from.server_assignor;
  member.classic = from.classic_member_metadata;
  if (member.instance_id) static_ids_[*member.instance_id] = id;
  for (const auto& topic : member.subscribed_topic_names) topics_.add(topic);
  if (member.has_regex()) regexes_.add_member(*member.subscribed_topic_regex);
}

void ConsumerGroup::replay(const CurrentAssignmentRecord& record) {
  const auto& id = record.key.member_id;
  if (!record.value && !members_.contains(id)) return;
  auto& member = get_or_add(id);
  owners_.release(member.assigned, member);
  owners_.release(member.pending_revocation, member);
  const auto from = record.value.value_or(protocol::ConsumerGroupCurrentMemberAssignmentValue{});
  member.member_epoch = from.member_epoch;
  member.previous_member_epoch = record.value ? from.previous_member_epoch : -1;
  member.state = state_of(from.state);
  member.assigned = from_items(from.assigned_partitions);
  member.pending_revocation = from_items(from.partitions_pending_revocation);
  for (const auto* items : {&from.assigned_partitions, &from.partitions_pending_revocation}) {
    for (const auto& item : *items) {
      for (std::size_t i = 0; i < item.partitions.size(); ++i) {
        const auto epoch = epoch_at(item.assignment_epochs, i, from.member_epoch);
        owners_.claim(item.topic_id, item.partitions[i], {&member, epoch});
      }
    }
  }
}

void ConsumerGroup::replay(const RegexRecord& record) {
  const auto& regex = record.key.regular_expression;
  if (const auto* topics = regexes_.topics_of(regex)) {
    for (const auto& topic : *topics) topics_.remove(topic);
  }
  if (!record.value) return regexes_.erase(regex);
  auto topics = sorted(record.value->topics);
  for (const auto& topic : topics) topics_.add(topic);
  regexes_.set(regex, std::move(topics));
}

void ConsumerGroup::restore(const controller::MetadataImage& image, Now now) {
  const auto session_timeout = consumer_options(settings_, image, id_).session_timeout;
  for (auto& [id, member] : members_) {
    keep_alive(member, member.classic ? session_timeout_of(member) : session_timeout, now);
    if (!member.pending_revocation.empty() && !member.classic) {
      member.rebalance_deadline = now.steady + member.rebalance_timeout;
      schedule(member);
    }
  }
}

ConsumerMember& ConsumerGroup::get_or_add(const std::string& id) {
  const auto [at, added] = members_.try_emplace(id);
  if (added) at->second.id = id;  // never assigned again: it is viewed
  return at->second;
}

void ConsumerGroup::forget(const std::string& id) {
  const auto found = members_.find(id);
  if (found == members_.end()) return;
  auto& member = found->second;
  owners_.release(member.assigned, member);
  owners_.release(member.pending_revocation, member);
  release_subscription(member);
  unschedule(member);
  members_.erase(found);
}

void ConsumerGroup::release_subscription(ConsumerMember& member) {
  for (const auto& topic : member.subscribed_topic_names) topics_.remove(topic);
  if (member.has_regex()) regexes_.remove_member(*member.subscribed_topic_regex);
  if (!member.instance_id) return;
  const auto holder = static_ids_.find(*member.instance_id);
  if (holder != static_ids_.end() && holder->second == member.id) static_ids_.erase(holder);
}

}  // namespace sluice::broker::group

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

#include "broker/group/assignor/assignor.hpp"
#include "broker/group/consumer/consumer_group.hpp"
#include "protocol/base/assert.hpp"

namespace sluice::broker::group {
namespace {

using CurrentValue = protocol::ConsumerGroupCurrentMemberAssignmentValue;

/// With the epoch in which `member` got each partition; `epoch` for those that it gets now.
std::vector<CurrentValue::TopicPartitions> with_epochs(const TopicPartitions& partitions, const ConsumerMember& member,
                                                       const PartitionOwners& owners, std::int32_t epoch) {
  auto items = to_items<std::vector<CurrentValue::TopicPartitions>>(partitions);
  for (auto& item : items) {
    auto& epochs = item.assignment_epochs.emplace();
    for (const auto partition : item.partitions) {
      const auto* owner = owners.find(item.topic_id, partition);
      epochs.push_back(owner != nullptr && owner->member == &member ? owner->assignment_epoch : epoch);
    }
  }
  return items;
}

using SubscriptionKey = std::pair<std::string_view, std::span<const std::string>>;  // the regex, and the names

SubscriptionKey subscription_key(const ConsumerMember& member) {
  return {member.has_regex() ? std::string_view{*member.subscribed_topic_regex} : std::string_view{},
          member.subscribed_topic_names};
}

struct LessSubscription {
  bool operator()(const SubscriptionKey& left, const SubscriptionKey& right) const {
    if (left.first != right.first) return left.first < right.first;
    return std::lexicographical_compare(left.second.begin(), left.second.end(), right.second.begin(),
                                        right.second.end());
  }
};

/// The positions in `topics`, which are ascending by name, of those that are among `names`.
void add_positions(const std::vector<std::string>& names, std::span<const AssignableTopic> topics,
                   std::vector<std::size_t>& positions) {
  for (const auto& name : names) {
    const auto at = std::lower_bound(topics.begin(), topics.end(), name,
                                     [](const auto& topic, const auto& wanted) { return topic.name < wanted; });
    if (at != topics.end() && at->name == name) positions.push_back(static_cast<std::size_t>(at - topics.begin()));
  }
}

}  // namespace

void ConsumerGroup::update_target(bool changed, Step& step) {
  for (auto& lookup : regexes_.refresh(step.image, settings_.consumer_regex_refresh_interval, step.now)) {
    RegexRecord record{{id_, std::move(lookup.regex)}, {}};
    auto& value = record.value.emplace();
    value.topics = std::move(lookup.topics);
    value.version = step.image.version().value();
    value.timestamp = step.now.wall;
    emit(std::move(record), step.records);
    changed = true;
  }
  topics_.refresh(step.image);
  if (changed || !is_stored_ || topics_.hash() != metadata_hash_) bump_group_epoch(step.records);
  if (group_epoch_ > assignment_epoch_) assign_target(step);
}

void ConsumerGroup::bump_group_epoch(Records& records) {
  ConsumerGroupRecord record{{id_}, {}};
  auto& value = record.value.emplace();
  value.epoch = group_epoch_ + 1;
  value.metadata_hash = static_cast<std::int64_t>(topics_.hash());
  emit(std::move(record), records);
}

std::string_view ConsumerGroup::assignor_name() const {
  const auto& known = settings_.consumer_assignors;
  std::vector<std::size_t> votes(known.size());
  for (const auto& [id, member] : members_) {
    if (!member.server_assignor) continue;
    const auto voted = std::find(known.begin(), known.end(), *member.server_assignor);
    if (voted != known.end()) ++votes[static_cast<std::size_t>(voted - known.begin())];
  }
  const auto most = std::max_element(votes.begin(), votes.end());  // the first of them: the default when nobody cares
  return most == votes.end() ? std::string_view{"uniform"} : known[static_cast<std::size_t>(most - votes.begin())];
}

void ConsumerGroup::assign_target(Step& step) {
  const auto topics = topics_.assignable();
  std::vector<AssignableMember> members;
  members.reserve(members_.size());
  // Most members of a group subscribe alike.
  std::map<SubscriptionKey, std::vector<std::size_t>, LessSubscription> known;
  for (const auto& [id, member] : members_) {
    auto& to = members.emplace_back(AssignableMember{.id = id, .previous = &target_of(id)});
    if (member.instance_id) to.instance_id = *member.instance_id;
    if (member.rack_id) to.rack = *member.rack_id;
    const auto [at, is_new] = known.try_emplace(subscription_key(member));
    if (is_new) at->second = subscription_of(member, topics);
    to.subscription = at->second;
  }
  const auto* assignor = find_assignor(assignor_name());
  SLUICE_ASSERT(assignor != nullptr);  // the settings name none that we don't have
  const auto target = assignor->assign({topics, members});
  SLUICE_ASSERT(target.size() == members.size());
  for (std::size_t i = 0; i < members.size(); ++i) {
    std::string id{members[i].id};
    if (target_of(id) == target[i]) continue;
    emit(TargetAssignmentRecord{{id_, std::move(id)}, target_record_value(target[i])}, step.records);
  }
  TargetEpochRecord record{{id_}, {}};
  auto& value = record.value.emplace();
  value.assignment_epoch = group_epoch_;
  value.assignment_timestamp = step.now.wall;
  emit(std::move(record), step.records);
}

protocol::ConsumerGroupTargetAssignmentMemberValue ConsumerGroup::target_record_value(const TopicPartitions& target) {
  using Value = protocol::ConsumerGroupTargetAssignmentMemberValue;
  Value value;
  value.topic_partitions = to_items<std::vector<Value::TopicPartition>>(target);
  return value;
}

std::vector<std::size_t> ConsumerGroup::subscription_of(const ConsumerMember& member,
                                                        std::span<const AssignableTopic> topics) const {
  std::vector<std::size_t> positions;
  add_positions(member.subscribed_topic_names, topics, positions);
  const auto* resolved = member.has_regex() ? regexes_.topics_of(*member.subscribed_topic_regex) : nullptr;
  if (resolved != nullptr) add_positions(*resolved, topics, positions);
  std::sort(positions.begin(), positions.end());
  positions.erase(std::unique(positions.begin(), positions.end()), positions.end());
  return positions;
}

bool ConsumerGroup::subscribes(const ConsumerMember& member, const Uuid& topic) const {
  const auto is_it = [&](const std::string& name) { return topics_.id_of(name) == topic; };
  const auto& names = member.subscribed_topic_names;
  if (std::any_of(names.begin(), names.end(), is_it)) return true;
  const auto* resolved = member.has_regex() ? regexes_.topics_of(*member.subscribed_topic_regex) : nullptr;
  return resolved != nullptr && std::any_of(resolved->begin(), resolved->end(), is_it);
}

CurrentAssignmentRecord ConsumerGroup::current_record(const std::string& id, const Progress& next,
                                                      std::int32_t previous_epoch, const ConsumerMember& from) const {
  CurrentAssignmentRecord record{{id_, id}, {}};
  auto& value = record.value.emplace();
  value.member_epoch = next.member_epoch;
  value.previous_member_epoch = previous_epoch;
  value.state = static_cast<std::int8_t>(next.state);
  value.assigned_partitions = with_epochs(next.assigned, from, owners_, next.member_epoch);
  value.partitions_pending_revocation = with_epochs(next.pending_revocation, from, owners_, next.member_epoch);
  return record;
}

bool ConsumerGroup::reconcile_member(const std::string& id, const TopicPartitions* owned, bool subscription_changed,
                                     Step& step) {
  auto& member = members_.at(id);
  if (is_reconciled(member, assignment_epoch_)) return false;
  auto next = reconcile(member, assignment_epoch_, target_of(id), owned, owners_);
  if (subscription_changed && next == progress_of(member)) {
    next = revoke_unsubscribed(member, [&](const Uuid& topic) { return subscribes(member, topic); });
  }
  if (next == progress_of(member)) return false;
  const bool assignment_changed = next.assigned != member.assigned;
  emit(current_record(id, next, member.member_epoch, member), step.records);
  const bool must_revoke = member.state == MemberState::unrevoked_partitions && !member.classic;
  member.rebalance_deadline = must_revoke ? std::optional{step.now.steady + member.rebalance_timeout} : std::nullopt;
  schedule(member);
  return assignment_changed;
}

}  // namespace sluice::broker::group

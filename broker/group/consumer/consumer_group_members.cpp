#include <algorithm>

#include "broker/group/consumer/consumer_group.hpp"
#include "protocol/base/assert.hpp"

namespace sluice::broker::group {

ConsumerMember* ConsumerGroup::find_member(const std::string& id) {
  const auto found = members_.find(id);
  return found == members_.end() ? nullptr : &found->second;
}

ConsumerMember* ConsumerGroup::find_static_member(const std::optional<std::string>& instance_id) {
  if (!instance_id) return nullptr;
  const auto found = static_ids_.find(*instance_id);
  return found == static_ids_.end() ? nullptr : find_member(found->second);
}

bool ConsumerGroup::is_full_for(const std::string& member_id) const {
  return static_cast<std::int64_t>(members_.size()) >= settings_.consumer_size_max && !members_.contains(member_id);
}

ConsumerGroup::MemberValue ConsumerGroup::told_by(const ConsumerMember& member) {
  MemberValue value;
  value.instance_id = member.instance_id;
  value.rack_id = member.rack_id;
  value.client_id = member.client_id;
  value.client_host = member.client_host;
  value.subscribed_topic_names = member.subscribed_topic_names;
  value.subscribed_topic_regex = member.subscribed_topic_regex;
  value.rebalance_timeout_ms = static_cast<std::int32_t>(member.rebalance_timeout.count());
  value.server_assignor = member.server_assignor;
  value.classic_member_metadata = member.classic;
  return value;
}

bool ConsumerGroup::replace_static_member(const std::string& old_id, const std::string& new_id, Records& records) {
  SLUICE_ASSERT(old_id != new_id);
  const bool ends_another = members_.contains(new_id);
  const auto& old = members_.at(old_id);
  MemberRecord told{{id_, new_id}, told_by(old)};
  TargetAssignmentRecord target{{id_, new_id}, target_record_value(target_of(old_id))};
  auto progress = progress_of(old);
  progress.member_epoch = 0;
  auto current = current_record(new_id, progress, 0, old);

  emit(CurrentAssignmentRecord{{id_, old_id}, {}}, records);
  emit(TargetAssignmentRecord{{id_, old_id}, {}}, records);
  emit(MemberRecord{{id_, old_id}, {}}, records);
  emit(std::move(told), records);
  emit(std::move(target), records);
  emit(std::move(current), records);
  return ends_another;
}

bool ConsumerGroup::update_member(const std::string& id, MemberValue told, Records& records) {
  const auto* member = find_member(id);
  const auto names_before = member == nullptr ? std::vector<std::string>{} : member->subscribed_topic_names;
  const auto regex_before = member == nullptr ? "" : member->subscribed_topic_regex.value_or("");
  emit(MemberRecord{{id_, id}, std::move(told)}, records);
  drop_unused_regexes(records);
  const auto& after = members_.at(id);
  return after.subscribed_topic_names != names_before || after.subscribed_topic_regex.value_or("") != regex_before;
}

void ConsumerGroup::remove_members(const std::vector<std::string>& ids, Records& records) {
  bool any = false;
  for (const auto& id : ids) {
    if (!members_.contains(id)) continue;
    any = true;
    emit(CurrentAssignmentRecord{{id_, id}, {}}, records);
    emit(TargetAssignmentRecord{{id_, id}, {}}, records);
    emit(MemberRecord{{id_, id}, {}}, records);
  }
  if (!any) return;
  drop_unused_regexes(records);
  bump_group_epoch(records);
}

void ConsumerGroup::drop_unused_regexes(Records& records) {
  for (const auto& regex : regexes_.unused()) emit(RegexRecord{{id_, regex}, {}}, records);
}

}  // namespace sluice::broker::group

#include "broker/group/group_shard.hpp"

#include <type_traits>

#include "protocol/base/assert.hpp"

namespace sluice::broker::group {

using protocol::ErrorCode;

GroupShard::GroupShard(const config::GroupSettings& settings)
    : settings_(&settings), image_(std::make_shared<const controller::MetadataImage>()) {}

CoordinatedGroup* GroupShard::find(std::string_view group) {
  const auto found = groups_.find(group);
  return found == groups_.end() ? nullptr : &found->second;
}

const CoordinatedGroup* GroupShard::find(std::string_view group) const {
  const auto found = groups_.find(group);
  return found == groups_.end() ? nullptr : &found->second;
}

CoordinatedGroup& GroupShard::find_or_make(std::string_view group) {
  auto* found = find(group);
  return found != nullptr ? *found : groups_[std::string{group}];
}

ClassicGroup& GroupShard::classic_of(CoordinatedGroup& group, const std::string& id) {
  if (!group.classic) {
    group.consumer.reset();
    group.classic = std::make_unique<ClassicGroup>(id, *settings_);
  }
  return *group.classic;
}

ConsumerGroup& GroupShard::consumer_of(CoordinatedGroup& group, const std::string& id) {
  if (!group.consumer) {
    group.classic.reset();
    group.consumer = std::make_unique<ConsumerGroup>(id, *settings_);
  }
  return *group.consumer;
}

/// After every step of a group: notes when it is due next, or forgets it; but not while records of the step are on
/// their way to the driver, who is about to tell that it appends them: they are to be replayed into this very group.
void GroupShard::settle(const std::string& id, bool is_writing) {
  const auto found = groups_.find(id);
  if (found == groups_.end()) return;
  auto& group = found->second;
  if (!is_writing && group.classic && group.classic->is_deserted() && !group.classic->stored() && group.appends == 0) {
    group.classic.reset();
  }
  const auto due = group.next_deadline();
  if (due != group.due) {
    if (group.due) due_.erase({*group.due, id});
    if (due) due_.emplace(*due, id);
    group.due = due;
  }
  if (is_writing || !group.is_gone()) return;
  if (group.due) due_.erase({*group.due, id});
  groups_.erase(found);
}

void GroupShard::on_append(const std::string& group) { ++find_or_make(group).appends; }

void GroupShard::on_appended(const std::string& id) {
  auto* group = find(id);
  SLUICE_ASSERT(group != nullptr && group->appends > 0, id);
  --group->appends;
  settle(id);
}

Effects GroupShard::on_stored(GroupWrite write, ErrorCode error, Now now) {
  const auto id = write.group;
  auto* group = find(id);
  if (group != nullptr && group->classic) {
    auto out = group->classic->on_stored(std::move(write), error, now);
    settle(id);
    return out;
  }
  Effects out;  // the group has changed its protocol meanwhile
  if (!write.join) return out;
  auto& response = out.joins.emplace_back(JoinAnswer{write.join->ticket, {}}).response;
  response.error_code = ErrorCode::rebalance_in_progress;
  response.member_id = write.join->response.member_id;
  return out;
}

void GroupShard::replay(const GroupRecord& record) {
  if (const auto* offset = std::get_if<OffsetRecord>(&record)) {
    find_or_make(offset->key.group).offsets.replay(*offset);
    if (!offset->value) settle(offset->key.group);  // nothing becomes due, or is gone, for an offset that is kept
    return;
  }
  const auto* metadata = std::get_if<GroupMetadataRecord>(&record);
  if (metadata == nullptr) return;
  // A group that has become one of the consumer protocol since has had a tombstone appended after this record.
  auto* group = find(metadata->key.group);
  if (group == nullptr || !group->classic) return;
  group->classic->replay(*metadata);
  settle(metadata->key.group);
}

void GroupShard::load(const GroupRecord& record) {
  const auto& id = group_of(record);
  auto& group = find_or_make(id);
  std::visit([&](const auto& kind) { load_into(group, kind); }, record);
  if (group.is_gone()) groups_.erase(id);
}

void GroupShard::load(const OffsetRecordView& record) {
  auto& group = find_or_make(record.group);
  group.offsets.replay(record);
  if (record.value == nullptr && group.is_gone()) groups_.erase(groups_.find(record.group));
}

void GroupShard::load_into(CoordinatedGroup& group, const OffsetRecord& record) { group.offsets.replay(record); }

void GroupShard::load_into(CoordinatedGroup& group, const GroupMetadataRecord& record) {
  if (record.value) {
    classic_of(group, record.key.group).replay(record);
  } else {
    group.classic.reset();
  }
}

void GroupShard::load_into(CoordinatedGroup& group, const ConsumerGroupRecord& record) {
  if (record.value) {
    consumer_of(group, record.key.group_id).replay(record);
  } else {
    group.consumer.reset();
  }
}

/// Of a part of a consumer group. That the group exists may be told further on only: the record that told it first was
/// replaced by a later one. What ends without a group, ended with it.
template <class Record>
void GroupShard::load_into(CoordinatedGroup& group, const Record& record) {
  if (record.value || group.consumer) consumer_of(group, record.key.group_id).replay(record);
}

void GroupShard::finish_loading(Now now) {
  for (auto next = groups_.begin(); next != groups_.end();) {
    const auto& [id, group] = *next++;  // settling may remove it
    if (group.classic) group.classic->restore(now);
    if (group.consumer) group.consumer->restore(*image_, now);
    if (group.classic || group.consumer) settle(std::string{id});
  }
}

std::optional<Instant> GroupShard::next_deadline() const {
  if (due_.empty()) return std::nullopt;
  return due_.begin()->first;
}

Effects GroupShard::tick(Now now) {
  Effects out;
  std::vector<std::string> ids;
  for (const auto& [due, id] : due_) {
    if (due > now.steady) break;
    ids.push_back(id);
  }
  for (const auto& id : ids) {
    auto& group = groups_.at(id);
    auto effects = group.tick(now);
    const bool is_writing = !effects.writes.empty();
    const bool have_left = group.consumer && is_writing;
    out.add(std::move(effects));
    if (have_left) out.add(downgrade_if_due(id, now));
    settle(id, is_writing);
  }
  return out;
}

const ClassicGroup* GroupShard::find_classic(const std::string& group) const {
  const auto* found = find(group);
  return found == nullptr ? nullptr : found->classic.get();
}

const ConsumerGroup* GroupShard::find_consumer(const std::string& group) const {
  const auto* found = find(group);
  return found == nullptr ? nullptr : found->consumer.get();
}

const Offsets* GroupShard::find_offsets(const std::string& group) const {
  const auto* found = find(group);
  return found == nullptr ? nullptr : &found->offsets;
}

}  // namespace sluice::broker::group

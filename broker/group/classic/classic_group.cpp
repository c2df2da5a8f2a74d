#include "broker/group/classic/classic_group.hpp"

#include <algorithm>
#include <iterator>

#include "protocol/wire/reader.hpp"

namespace sluice::broker::group {
namespace {

using protocol::ErrorCode;

/// The topics of a ConsumerProtocol subscription: version, then an array of strings. nullopt: not of that form.
std::optional<std::vector<std::string>> topics_of(const std::vector<std::byte>& subscription) {
  wire::Reader reader{ByteView{subscription}};
  if (reader.int16() < 0) return std::nullopt;
  const auto count = reader.array_length(false, sizeof(std::int16_t));
  std::vector<std::string> topics;
  for (std::size_t i = 0; i < count && reader.ok(); ++i) topics.push_back(reader.string(false));
  if (!reader.ok()) return std::nullopt;
  return topics;
}

}  // namespace

std::string_view name(ClassicState state) noexcept {
  switch (state) {
    case ClassicState::empty: return "Empty";
    case ClassicState::preparing_rebalance: return "PreparingRebalance";
    case ClassicState::completing_rebalance: return "CompletingRebalance";
    case ClassicState::stable: return "Stable";
  }
  return "";
}

void ClassicGroup::enter(ClassicState state, Now now) {
  state_ = state;
  state_timestamp_ = now.wall;
}

ErrorCode ClassicGroup::check_member(const std::string& member_id,
                                     const std::optional<std::string>& instance_id) const {
  if (instance_id) {
    const auto holder = static_ids_.find(*instance_id);
    if (holder == static_ids_.end()) return ErrorCode::unknown_member_id;
    if (holder->second != member_id) return ErrorCode::fenced_instance_id;  // KIP-345: another process took its place
  }
  return members_.contains(member_id) ? ErrorCode::none : ErrorCode::unknown_member_id;
}

bool ClassicGroup::is_subscribed_to(std::string_view topic) const {
  if (!is_consumer_group() || is_deserted()) return false;
  const auto& read = topics_read();
  return read.all || read.names.contains(topic);
}

const ClassicGroup::TopicsRead& ClassicGroup::topics_read() const {
  if (topics_read_) return *topics_read_;
  auto& read = topics_read_.emplace();
  for (const auto& [id, member] : members_) {
    for (const auto& protocol : member.protocols) {
      auto topics = topics_of(protocol.metadata);
      if (!topics) {
        read.all = true;
        return read;
      }
      read.names.insert(std::make_move_iterator(topics->begin()), std::make_move_iterator(topics->end()));
    }
  }
  return read;
}

GroupMetadataRecord ClassicGroup::metadata_record(
    const std::map<std::string, std::vector<std::byte>>* assignments) const {
  GroupMetadataRecord record;
  record.key.group = id_;
  auto& value = record.value.emplace();
  value.protocol_type = protocol_type_;
  value.generation = generation_id_;
  value.protocol = protocol_.empty() ? std::nullopt : std::optional{protocol_};
  value.leader = leader_.empty() ? std::nullopt : std::optional{leader_};
  value.current_state_timestamp = state_timestamp_;
  for (const auto& [id, member] : members_) {
    auto& to = value.members.emplace_back();
    to.member_id = id;
    to.group_instance_id = member.instance_id;
    to.client_id = member.client_id;
    to.client_host = member.client_host;
    to.rebalance_timeout = static_cast<std::int32_t>(member.rebalance_timeout.count());
    to.session_timeout = static_cast<std::int32_t>(member.session_timeout.count());
    if (const auto* protocol = member.find_protocol(protocol_)) to.subscription = protocol->metadata;
    if (assignments == nullptr) {
      to.assignment = member.assignment;
    } else if (const auto assigned = assignments->find(id); assigned != assignments->end()) {
      to.assignment = assigned->second;
    }
  }
  return record;
}

void ClassicGroup::restore(Now now) {
  if (!stored_) return;
  generation_id_ = stored_->generation;
  protocol_type_ = stored_->protocol_type;
  protocol_ = stored_->protocol.value_or("");
  leader_ = stored_->leader.value_or("");
  state_timestamp_ = stored_->current_state_timestamp;
  for (const auto& from : stored_->members) {
    auto& member = members_[from.member_id];
    member.id = from.member_id;
    member.instance_id = from.group_instance_id;
    member.client_id = from.client_id;
    member.client_host = from.client_host;
    member.session_timeout = std::chrono::milliseconds{from.session_timeout};
    member.rebalance_timeout =
        std::chrono::milliseconds{from.rebalance_timeout < 0 ? from.session_timeout : from.rebalance_timeout};
    set_protocols(member, {{protocol_, from.subscription}});
    member.assignment = from.assignment;
    set_synced(member, true);
    keep_alive(member, now);
    if (member.instance_id) static_ids_[*member.instance_id] = member.id;
  }
  state_ = members_.empty() ? ClassicState::empty : ClassicState::stable;
  if (!members_.empty() && !members_.contains(leader_)) leader_ = members_.begin()->first;
  if (members_.empty() || !stored_->leader.value_or("").empty()) return;
  Effects none;  // nobody waits yet
  rebalance(now, none);
}

protocol::DescribeGroupsResponse::DescribedGroup ClassicGroup::describe() const {
  const bool settled = state_ == ClassicState::stable;
  protocol::DescribeGroupsResponse::DescribedGroup described;
  described.group_id = id_;
  described.group_state = name(state_);
  described.protocol_type = protocol_type_;
  if (settled) described.protocol_data = protocol_;
  for (const auto& [id, member] : members_) {
    auto& to = described.members.emplace_back();
    to.member_id = id;
    to.group_instance_id = member.instance_id;
    to.client_id = member.client_id;
    to.client_host = member.client_host;
    if (!settled) continue;
    if (const auto* protocol = member.find_protocol(protocol_)) to.member_metadata = protocol->metadata;
    to.member_assignment = member.assignment;
  }
  return described;
}

bool ClassicGroup::waits(const ClassicMember& member) const {
  // A first JoinGroup has a limit of its own: its sender may be gone for good.
  return (member.join && !member.is_new) || member.sync;
}

void ClassicGroup::expect_until(ClassicMember& member, Instant deadline) {
  member.session_deadline = deadline;
  note_deadline(deadline);
}

/// Deadlines mostly move away: the earliest is sought anew when it has passed, not whenever one moves.
void ClassicGroup::note_deadline(Instant deadline) {
  silence_deadline_ = std::min(silence_deadline_.value_or(deadline), deadline);
}

void ClassicGroup::set_protocols(ClassicMember& member, std::vector<MemberProtocol> protocols) {
  support_.remove(member.protocols);
  member.protocols = std::move(protocols);
  support_.add(member.protocols);
  topics_read_.reset();
}

void ClassicGroup::set_join(ClassicMember& member, std::optional<Ticket> ticket) {
  joined_ += ticket ? 1 : 0;
  joined_ -= member.join ? 1 : 0;
  member.join = ticket;
}

void ClassicGroup::set_synced(ClassicMember& member, bool has_synced) {
  synced_ += has_synced ? 1 : 0;
  synced_ -= member.has_synced ? 1 : 0;
  member.has_synced = has_synced;
}

std::optional<Instant> ClassicGroup::next_deadline() const {
  std::optional<Instant> next = join_deadline_;
  const auto consider = [&](Instant deadline) { next = next ? std::min(*next, deadline) : deadline; };
  if (sync_deadline_) consider(*sync_deadline_);
  if (silence_deadline_) consider(*silence_deadline_);
  return next;
}

Effects ClassicGroup::tick(Now now) {
  Effects out;
  if (join_deadline_ && *join_deadline_ <= now.steady) {
    if (initial_delay_) {
      finish_initial_delay(now, out);
    } else {
      complete_join(now, out);
    }
  }
  if (const auto due = next_deadline(); !due || *due > now.steady) return out;
  std::vector<std::string> gone;
  silence_deadline_.reset();
  const bool sync_is_late = sync_deadline_ && *sync_deadline_ <= now.steady;
  for (const auto& [id, member] : members_) {
    const bool expired = !waits(member) && member.session_deadline <= now.steady;
    if (expired || (sync_is_late && !member.has_synced)) {
      gone.push_back(id);
    } else if (!waits(member)) {
      note_deadline(member.session_deadline);
    }
  }
  if (sync_is_late) sync_deadline_.reset();
  const auto given_up = std::erase_if(pending_, [&](const auto& entry) { return entry.second <= now.steady; });
  for (const auto& [id, deadline] : pending_) note_deadline(deadline);
  for (const auto& id : gone) remove_member(id, now, out);
  if (!gone.empty() || given_up > 0) after_removal(!gone.empty(), now, out);
  return out;
}

}  // namespace sluice::broker::group

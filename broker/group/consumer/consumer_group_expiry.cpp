#include <algorithm>

#include "broker/group/consumer/consumer_group.hpp"

namespace sluice::broker::group {
namespace {

std::optional<Instant> first_deadline(const ConsumerMember& member) {
  std::optional<Instant> first;
  for (const auto& deadline :
       {member.session_deadline, member.rebalance_deadline, member.join_deadline, member.sync_deadline}) {
    if (deadline) first = first ? std::min(*first, *deadline) : deadline;
  }
  return first;
}

}  // namespace

std::optional<Instant> ConsumerGroup::next_deadline() const {
  return deadlines_.empty() ? std::nullopt : std::optional{deadlines_.begin()->first};
}

Effects ConsumerGroup::tick(Now now) {
  std::vector<std::string> overdue;
  for (auto at = deadlines_.begin(); at != deadlines_.end() && at->first <= now.steady; ++at) {
    overdue.emplace_back(at->second);
  }
  Effects out;
  if (overdue.empty()) return out;
  GroupWrite write{.group = id_, .records = {}, .replayed = true};
  remove_members(overdue, write.records);
  out.writes.push_back(std::move(write));
  return out;
}

std::chrono::milliseconds ConsumerGroup::session_timeout_of(const ConsumerMember& member) const {
  return member.classic ? std::chrono::milliseconds{member.classic->session_timeout_ms}
                        : settings_.consumer_session_timeout;
}

void ConsumerGroup::keep_alive(ConsumerMember& member, std::chrono::milliseconds session_timeout, Now now) {
  member.session_deadline = now.steady + session_timeout;
  schedule(member);
}

void ConsumerGroup::schedule(ConsumerMember& member) {
  const auto deadline = first_deadline(member);
  if (deadline == member.scheduled) return;
  if (!member.scheduled) {
    deadlines_.emplace(*deadline, member.id);
  } else if (!deadline) {
    deadlines_.erase(std::pair{*member.scheduled, std::string_view{member.id}});
  } else {
    auto entry = deadlines_.extract(std::pair{*member.scheduled, std::string_view{member.id}});
    entry.value().first = *deadline;
    deadlines_.insert(std::move(entry));
  }
  member.scheduled = deadline;
}

void ConsumerGroup::unschedule(ConsumerMember& member) {
  if (member.scheduled) deadlines_.erase(std::pair{*member.scheduled, std::string_view{member.id}});
  member.scheduled.reset();
}

}  // namespace sluice::broker::group

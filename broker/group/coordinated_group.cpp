#include "broker/group/coordinated_group.hpp"

#include <iterator>

namespace sluice::broker::group {

std::string_view CoordinatedGroup::state_name() const noexcept {
  if (consumer) return name(consumer->state());
  return name(classic ? classic->state() : ClassicState::empty);
}

bool CoordinatedGroup::is_empty() const {
  if (consumer) return consumer->members().empty();
  return !classic || classic->state() == ClassicState::empty;
}

bool CoordinatedGroup::is_deserted() const { return is_empty() && (!classic || classic->is_deserted()); }

bool CoordinatedGroup::is_subscribed_to(std::string_view topic) const {
  if (consumer) return consumer->is_subscribed_to(topic);
  return classic && classic->is_subscribed_to(topic);
}

Offsets::Expiry CoordinatedGroup::expiry(Now now, std::chrono::milliseconds retention) const {
  Offsets::Expiry expiry{.now = now.wall, .retention = retention};
  if (consumer) {
    expiry.keep = [this](std::string_view topic) { return consumer->is_subscribed_to(topic); };
  } else if (classic && classic->state() == ClassicState::empty) {
    if (classic->stored() && classic->state_timestamp() != kNoTimestamp) expiry.since = classic->state_timestamp();
  } else if (classic) {
    // What a group at work reads no more expires; but only while it is certain what it reads.
    const bool known = classic->state() == ClassicState::stable && classic->is_consumer_group();
    expiry.keep = [this, known](std::string_view topic) { return !known || classic->is_subscribed_to(topic); };
  }
  return expiry;
}

std::optional<Instant> CoordinatedGroup::next_deadline() const {
  if (consumer) return consumer->next_deadline();
  return classic ? classic->next_deadline() : std::nullopt;
}

Effects CoordinatedGroup::tick(Now now) {
  if (consumer) {
    auto effects = consumer->tick(now);
    effects.wait_for_appends = true;
    return effects;
  }
  return classic ? classic->tick(now) : Effects{};
}

std::vector<GroupRecord> CoordinatedGroup::core_tombstones(const std::string& id) const {
  if (consumer) return consumer->tombstones();
  std::vector<GroupRecord> records;
  // What is under way may be the first that is stored of it.
  if (classic && (classic->stored() || appends > 0))
    records.emplace_back(GroupMetadataRecord{{.group = id}, std::nullopt});
  return records;
}

std::vector<GroupRecord> CoordinatedGroup::tombstones(const std::string& id) const {
  auto records = offsets.forget_all(id);
  auto more = core_tombstones(id);
  records.insert(records.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  return records;
}

bool CoordinatedGroup::is_gone() const {
  return appends == 0 && !consumer && offsets.empty() && (!classic || (classic->is_deserted() && !classic->stored()));
}

}  // namespace sluice::broker::group

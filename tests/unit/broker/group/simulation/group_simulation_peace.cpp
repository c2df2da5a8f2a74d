// GroupSimulation: what holds at all times, and what must come about when the trouble is over.

#include <algorithm>
#include <utility>

#include "tests/unit/broker/group/simulation/group_simulation.hpp"

namespace sluice::test::sim {

using broker::group::ClassicState;

namespace {

constexpr Time kLookingForEachOther{150'000};
constexpr Time kPatience{70'000};
constexpr Time kLastWords{8'000};  // repeated commits, regular expressions looked up again
constexpr Time kQuiet{6'000};
constexpr Time kSilence{60'000};

}  // namespace

void GroupSimulation::check() {
  coordinator_.check();
  if (!coordinator_.is_up()) return;
  if (const auto* group = coordinator_.shard().find_classic(kGroup)) check_classic(*group);
}

void GroupSimulation::check_classic(const broker::group::ClassicGroup& group) {
  world_.promise(group.leader().empty() == group.members().empty(), "a leader exactly when there are members");
  world_.promise(group.leader().empty() || group.members().contains(group.leader()), "the leader is a member");
  for (const auto& [id, member] : group.members()) {
    world_.promise(!member.join || group.state() == ClassicState::preparing_rebalance, "{} waits to join", id);
    world_.promise(!member.sync || group.state() == ClassicState::completing_rebalance, "{} waits to sync", id);
  }
}

/// Two that both believe to have a partition: one of them is out of the group; or both speak the classic protocol, and
/// one is of an earlier generation.
void GroupSimulation::check_owned(const Client& gained) {
  const auto* group = coordinator_.stored().find_consumer(kGroup);
  for (const auto& other : clients_) {
    if (other.get() == &gained || !other->is_running()) continue;
    bool may_both_have = group == nullptr || !group->members().contains(other->member_id()) ||
                         !group->members().contains(gained.member_id());
    const auto* classic = dynamic_cast<const ClassicClient*>(&gained);
    const auto* other_classic = dynamic_cast<const ClassicClient*>(other.get());
    if (classic != nullptr && other_classic != nullptr) {
      may_both_have = classic->owned_generation_id() != other_classic->owned_generation_id();
    }
    if (may_both_have) continue;
    for (const auto& partition : gained.owned()) {
      world_.promise(!other->owned().contains(partition), "t{}-{} is in the hands of {} and of {}", partition.topic,
                     partition.partition, gained.name(), other->name());
    }
  }
}

void GroupSimulation::make_peace() {
  world_.note("peace");
  trouble_ = false;
  network_.faults = {};
  coordinator_.faults = {};
  for (const auto& client : clients_) {
    client->resume();
    const bool is_last = gone_for_good_.size() + 1 == clients_.size();
    if (!client->is_running() && !is_last && world_.random.one_in(3)) gone_for_good_.push_back(client.get());
  }
}

bool GroupSimulation::is_gone_for_good(const Client& client) const {
  return std::find(gone_for_good_.begin(), gone_for_good_.end(), &client) != gone_for_good_.end();
}

std::string GroupSimulation::missing() const {
  if (!coordinator_.is_up()) return "a coordinator";
  const auto& shard = coordinator_.shard();
  const auto* classic = shard.find_classic(kGroup);
  const auto* consumer = shard.find_consumer(kGroup);
  if (classic != nullptr && classic->state() != ClassicState::stable) return "a stable classic group";
  if (consumer != nullptr && consumer->state() != broker::group::ConsumerGroupState::stable) {
    return "a stable consumer group";
  }
  TopicPartitionSet wanted;
  TopicPartitionSet owned;
  std::size_t owned_count = 0;
  for (const auto& client : clients_) {
    if (is_gone_for_good(*client)) continue;
    if (!client->is_running() || !client->is_settled()) return client->name() + " is not settled";
    const auto its = client->wanted();
    wanted.insert(its.begin(), its.end());
    owned.insert(client->owned().begin(), client->owned().end());
    owned_count += client->owned().size();
    if (!minus(client->owned(), its).empty()) return client->name() + " owns what it does not want";
  }
  if (owned_count != owned.size()) return "one owner for each partition";
  if (owned != wanted) return "owners of " + to_string(minus(wanted, owned));
  return ledger_.unprocessed(wanted);
}

std::string GroupSimulation::describe() const {
  std::string text;
  for (const auto& client : clients_) {
    if (client->is_running()) text += "\n  " + client->describe();
  }
  return text;
}

void GroupSimulation::find_together() {
  const auto begin = world_.now();
  bool nudged = false;
  while (!missing().empty()) {
    const auto waited = world_.now() - begin;
    world_.promise(waited < kLookingForEachOther, "the group does not find together: {}{}", missing(), describe());
    if (waited > kPatience && !std::exchange(nudged, true)) nudge();
    pass(Time{1000});
  }
  world_.note("together");
}

/// A static member that gives partitions up (KIP-429), or changes its subscription, and starts anew before it has
/// joined once more, comes back into a stable generation as if nothing had happened: in Kafka too it takes another
/// rebalance.
void GroupSimulation::nudge() {
  for (const auto& client : clients_) client->join_again();
}

/// Nobody has anything to say: nothing is written.
void GroupSimulation::stay_quiet() {
  pass(kLastWords);
  const auto log_size = coordinator_.log_size();
  pass(kQuiet);
  world_.promise(missing().empty(), "the group does not stay together: {}{}", missing(), describe());
  world_.promise(coordinator_.log_size() == log_size, "a quiet group writes {} records",
                 coordinator_.log_size() - log_size);
}

void GroupSimulation::fall_silent() {
  world_.note("silence");
  over_ = true;
  for (const auto& client : clients_) {
    if (world_.random.one_in(2)) {
      client->close();
    } else {
      client->kill();
    }
  }
  pass(kSilence);
  const auto& shard = coordinator_.shard();
  const auto* classic = shard.find_classic(kGroup);
  const auto* consumer = shard.find_consumer(kGroup);
  world_.promise(classic == nullptr || classic->members().empty(), "the classic group has members that are gone");
  world_.promise(consumer == nullptr || consumer->members().empty(), "the consumer group has members that are gone");
}

void GroupSimulation::be_forgotten() {
  ledger_.let_expire();
  pass(settings_.offsets_retention + settings_.offsets_retention);
  coordinator_.forget_expired();
  pass(Time{1000});
  world_.promise(coordinator_.shard().group_count() == 0, "the group is not forgotten");
  world_.promise(coordinator_.stored().group_count() == 0, "the group is not forgotten by the log");
}

}  // namespace sluice::test::sim

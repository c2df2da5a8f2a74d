#include "broker/controller/leader_election.hpp"

#include <algorithm>

#include "protocol/base/assert.hpp"
#include "protocol/base/planted_bug.hpp"

namespace sluice::broker::controller {
namespace {

using Ids = std::vector<BrokerId>;

bool has(const Ids& ids, BrokerId id) { return std::ranges::find(ids, id) != ids.end(); }

struct Elected {
  BrokerId leader = kNoBroker;
  bool is_clean = true;
};

/// First of the replicas, in their order, that `accepts`.
template <class Accepts>
BrokerId first_of(const PartitionImage& partition, Accepts&& accepts) {
  const auto found = std::ranges::find_if(partition.replicas, accepts);
  return found == partition.replicas.end() ? kNoBroker : *found;
}

Elected elect(const PartitionImage& partition, const ElectionRules& rules, bool prefers_first) {
  const auto in_sync = [&](BrokerId id) { return has(partition.isr, id) && rules.may_lead(id); };
  if (SLUICE_BUG("controller: elects outside ISR and ELR")) {
    if (const auto any = first_of(partition, rules.may_lead); any != kNoBroker) return {any};
  }
  if (prefers_first && in_sync(partition.replicas.front())) return {partition.replicas.front()};
  if (in_sync(partition.leader)) return {partition.leader};
  if (const auto member = first_of(partition, in_sync); member != kNoBroker) return {member};
  if (has(partition.isr, partition.leader) && rules.may_stay(partition.leader)) return {partition.leader};

  const auto eligible = first_of(partition, [&](BrokerId id) { return has(partition.elr, id) && rules.may_lead(id); });
  if (eligible != kNoBroker) return {eligible};

  if (partition.isr.empty() && partition.elr.empty()) {
    const auto last =
        first_of(partition, [&](BrokerId id) { return has(partition.last_known_elr, id) && rules.may_lead(id); });
    if (last != kNoBroker) return {last, false};
  }
  if (!rules.allows_unclean) return {};
  return {first_of(partition, rules.may_lead), false};
}

/// KIP-966. `before` is the partition as it was, `next` has the ISR that it will have.
void keep_eligible(const PartitionImage& before, PartitionImage& next, const PartitionChange& change,
                   const ElectionRules& rules) {
  const auto wanted =
      std::min<std::size_t>(static_cast<std::size_t>(std::max(1, rules.min_in_sync)), next.replicas.size());
  Ids candidates = before.elr;
  candidates.insert(candidates.end(), before.isr.begin(), before.isr.end());
  next.elr.clear();
  if (!rules.keeps_eligible || next.isr.size() >= wanted) return;
  for (const auto id : next.replicas) {
    if (has(candidates, id) && !has(next.isr, id) && id != change.lost_its_tail) next.elr.push_back(id);
  }
}

void install(const Elected& elected, const PartitionImage& before, const PartitionChange& change,
             PartitionImage& next) {
  next.leader = elected.leader;
  if (!elected.is_clean && elected.leader != kNoBroker) {
    // What the others have beyond this log is lost: none of them may lead on the strength of what was.
    next.isr = {elected.leader};
    next.elr.clear();
    next.recovery = LeaderRecovery::recovering;
  } else if (elected.leader != kNoBroker && !has(next.isr, elected.leader)) {
    // Of the ELR: like the ISR's members, which may not lead, it has all below the high watermark, which stood still.
    std::erase(next.elr, elected.leader);
    Ids still_eligible;
    for (const auto id : next.replicas) {
      if (id != elected.leader && (has(next.elr, id) || has(next.isr, id))) still_eligible.push_back(id);
    }
    next.isr = {elected.leader};
    next.elr = std::move(still_eligible);
  }
  if (next.leader != kNoBroker) {
    next.last_known_elr.clear();
  } else if (before.leader != kNoBroker && next.last_known_elr.empty() &&
             !(change.lost_everything && before.leader == change.lost_its_tail)) {
    next.last_known_elr = {before.leader};
  }
}

bool lost_a_replica(const PartitionImage& before, const PartitionImage& next) {
  return std::ranges::any_of(before.replicas, [&](BrokerId id) { return !next.has_replica(id); });
}

}  // namespace

std::optional<PartitionImage> next_partition(const PartitionImage& now, const PartitionChange& change,
                                             const ElectionRules& rules) {
  PartitionImage next = now;
  if (change.replicas) next.replicas = *change.replicas;
  if (change.adding) next.adding = *change.adding;
  if (change.removing) next.removing = *change.removing;
  if (change.isr) next.isr = *change.isr;
  if (change.recovery) next.recovery = *change.recovery;
  if (change.lost_everything) std::erase(next.last_known_elr, change.lost_its_tail);
  if (!SLUICE_BUG("controller: forgets the ELR")) keep_eligible(now, next, change, rules);
  install(elect(next, rules, change.prefers_first), now, change, next);
  if (next == now) return std::nullopt;

  SLUICE_ASSERT(next.leader == kNoBroker || next.is_in_sync(next.leader), next.leader);
  next.partition_epoch = PartitionEpoch{now.partition_epoch.value() + 1};
  if (next.leader != now.leader || lost_a_replica(now, next)) {
    const int step = SLUICE_BUG("controller: reuses a leader epoch") && next.leader != kNoBroker ? 0 : 1;
    next.leader_epoch = LeaderEpoch{now.leader_epoch.value() + step};
  }
  return next;
}

}  // namespace sluice::broker::controller

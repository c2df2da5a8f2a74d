#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "broker/controller/metadata_image.hpp"

namespace sluice::broker::controller {

/// What a partition's next state depends on besides itself.
struct ElectionRules {
  std::function<bool(BrokerId)> may_lead;  ///< active: neither fenced nor shutting down
  std::function<bool(BrokerId)> may_stay;  ///< not fenced: a leader that shuts down leads on, where no other is in sync
  int min_in_sync = 1;                     ///< min.insync.replicas of the topic
  bool allows_unclean = false;             ///< unclean.leader.election.enable, or asked for by hand
  bool keeps_eligible = true;              ///< the feature eligible.leader.replicas.version (KIP-966)
};

/// What is to become of a partition; what is not named stays.
struct PartitionChange {
  std::optional<std::vector<BrokerId>> isr{};
  std::optional<std::vector<BrokerId>> replicas{};
  std::optional<std::vector<BrokerId>> adding{};
  std::optional<std::vector<BrokerId>> removing{};
  std::optional<LeaderRecovery> recovery{};
  /// Was not shut down cleanly: what it had may be gone, so that it is eligible no more (KIP-966).
  BrokerId lost_its_tail = kNoBroker;
  /// Its disks are others now: not even as the last known leader may it lead, on the strength of an empty log.
  bool lost_everything = false;
  /// The first replica, where it can lead; else the present leader stays, if it can.
  bool prefers_first = false;
};

/// The partition once `change` is made and a leader is elected where one is missing. nullopt: nothing changes.
///
/// Leader: the present one while it is in sync and may lead; else the first replica of the ISR that may; else the
/// present one if it is in sync and may stay; else the first replica of the ELR that may (KIP-966); else, with ISR and
/// ELR empty, the last known leader; else, where unclean elections are allowed, any replica that may. The last two are
/// unclean: the ISR is the leader alone, and `recovery` tells that its log is the truth now.
///
/// ELR: whoever leaves an ISR that is left with fewer than min.insync.replicas joins it; it is empty as soon as the ISR
/// has as many again, since the high watermark moves on without its members from then on.
///
/// The leader epoch grows when the leader changes, to none included, and when replicas go (fetches of the one that goes
/// are fenced); the partition epoch with every change.
std::optional<PartitionImage> next_partition(const PartitionImage& now, const PartitionChange& change,
                                             const ElectionRules& rules);

}  // namespace sluice::broker::controller

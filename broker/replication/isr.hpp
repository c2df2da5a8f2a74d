#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "broker/controller/metadata_image.hpp"
#include "protocol/base/ids.hpp"

namespace sluice::broker::replication {

/// What the leader of a partition knows of its replicas, and the rules for its ISR and its high watermark. Pure.
///
/// The high watermark counts the *maximal* ISR: the committed one and whoever a change under way would add, so that it
/// is right whether or not that change comes about (KIP-497). It does not move while the committed ISR is smaller than
/// min.insync.replicas (KIP-966). A follower is in sync while it has everything, or had everything that the leader had
/// at some moment of the last replica.lag.time.max.ms; it joins once it has everything up to the high watermark and up
/// to the leader's first offset of its epoch.
class Isr {
 public:
  using Instant = std::chrono::steady_clock::time_point;
  struct Ends {
    Offset log_end;
    Offset synced_end;
  };
  struct Member {
    BrokerId id;
    controller::BrokerEpoch epoch = controller::kNoBrokerEpoch;
    friend bool operator==(const Member&, const Member&) = default;
  };

  /// `self` leads from `epoch_start` on, in the epoch that `image` names.
  Isr(BrokerId self, const controller::PartitionImage& image, Offset epoch_start, Instant now);

  /// The metadata has it so now, in the same leader epoch. What is older than what is known is passed over.
  void apply(const controller::PartitionImage& image);

  /// A follower asks for what comes from `position` on: it has all below. `leader_end` is the log end that it is being
  /// answered from.
  void on_fetch(Member follower, Offset position, Offset leader_end, Instant now);
  void on_synced(BrokerId follower, Offset synced_end);

  /// Exclusive end of what every member of the maximal ISR has (`synced`: has synced). nullopt: too few to count.
  std::optional<Offset> replicated_end(Ends own, bool synced, int min_in_sync) const;

  /// The ISR that should be asked for; nullopt: the present one is right, or a change is under way already.
  std::optional<std::vector<Member>> wanted(Offset own_end, Offset high_watermark, std::chrono::milliseconds lag_max,
                                            Instant now) const;
  void on_change_sent(std::vector<Member> isr);
  /// Refused, or nobody knows: the maximal ISR stays until the metadata tells, if `unknown`.
  void on_change_failed(bool unknown);

  const std::vector<BrokerId>& committed() const noexcept { return committed_; }
  controller::PartitionEpoch partition_epoch() const noexcept { return partition_epoch_; }
  bool is_change_under_way() const noexcept { return pending_.has_value(); }

 private:
  struct Follower {
    controller::BrokerEpoch epoch = controller::kNoBrokerEpoch;
    Offset log_end = kNoOffset;
    Offset synced_end = kNoOffset;
    Offset leader_end_at_fetch = kNoOffset;
    Instant fetched_at{};
    Instant caught_up_at{};
  };

  bool is_caught_up(const Follower& follower, Offset own_end, std::chrono::milliseconds lag_max, Instant now) const;

  const BrokerId self_;
  const Offset epoch_start_;
  std::map<BrokerId, Follower> followers_;  // of every replica but self
  std::vector<BrokerId> committed_;
  controller::PartitionEpoch partition_epoch_;
  std::optional<std::vector<Member>> pending_;
};

}  // namespace sluice::broker::replication

#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
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
/// to the leader's first offset of its epoch. One that keeps up and is about to join is waited for a moment, or a
/// steady stream would be ahead of it for ever. Where `synced`, what a replica has is what it has synced.
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

  /// How long the high watermark waits for a follower that keeps up, from the last moment that it had everything.
  static constexpr std::chrono::milliseconds kJoinWait{500};
  /// How long a refused change is not asked for again.
  static constexpr std::chrono::milliseconds kRetryAfter{500};
  /// How long news that is said to be on its way is waited for.
  static constexpr std::chrono::milliseconds kNewsWait{5000};

  /// `self` leads from `epoch_start` on, in the epoch that `image` names.
  Isr(BrokerId self, const controller::PartitionImage& image, Offset epoch_start, Instant now);

  /// The metadata has it so now, in the same leader epoch. What is older than what is known is passed over.
  void apply(const controller::PartitionImage& image);

  /// A follower asks for what comes from `position` on: it has all below. `leader_end` is the log end that it is being
  /// answered from. False: it is no replica, or an earlier life of one (KIP-903).
  bool on_fetch(Member follower, Offset position, Offset leader_end, Instant now);
  /// Counts from the first fetch of the epoch on: what it had synced before may not be what the leader has.
  bool on_synced(BrokerId follower, Offset synced_end);
  /// Time has passed.
  void tick(Instant now) { last_now_ = std::max(last_now_, now); }

  /// Exclusive end of what every member of the maximal ISR has (`synced`: has synced). nullopt: too few to count;
  /// kNoOffset: not known of all.
  std::optional<Offset> replicated_end(Ends own, bool synced, int min_in_sync) const;

  /// The ISR that should be asked for; nullopt: the present one is right, or a change is under way already.
  std::optional<std::vector<Member>> wanted(Offset own_end, Offset high_watermark, std::chrono::milliseconds lag_max,
                                            Instant now, bool synced = false) const;
  void on_change_sent(std::vector<Member> isr);
  /// Refused, or nobody knows: then the maximal ISR stays, and the same change is asked for again until the metadata
  /// tells.
  void on_change_failed(bool unknown, Instant now = Instant{});
  /// There is news of the partition: until it arrives, if it has not since the change was sent, or for a while, nothing
  /// more is asked for.
  void on_change_outdated(Instant now);
  /// Answered with `now`, which may be what is known already.
  void on_change_made(const controller::PartitionImage& now);

  const std::vector<BrokerId>& committed() const noexcept { return committed_; }
  std::size_t replica_count() const noexcept { return followers_.size() + 1; }
  /// min.insync.replicas can't be more than there are replicas.
  std::size_t enough(int min_in_sync) const noexcept;
  controller::PartitionEpoch partition_epoch() const noexcept { return partition_epoch_; }
  bool is_change_under_way() const noexcept { return pending_.has_value(); }

 private:
  static constexpr Instant kNever{std::chrono::hours{-24 * 3650}};

  struct Follower {
    controller::BrokerEpoch epoch = controller::kNoBrokerEpoch;
    bool is_committed = false;
    bool is_pending = false;  // a change under way would have it in
    Offset log_end = kNoOffset;
    bool has_come = false;  // has fetched from this leader in its epoch: what it syncs is this log
    Offset synced_end = kNoOffset;
    Offset leader_end_at_fetch = kNoOffset;
    Instant fetched_at = kNever;
    Instant caught_up_at = kNever;         // it had everything then
    Instant synced_caught_up_at = kNever;  // and had it synced later
    Offset awaited_sync = kNoOffset;       // once it has synced so far, it will have been caught up at the time below
    Instant awaited_since = kNever;

    Offset end(bool synced) const noexcept { return synced ? std::min(log_end, synced_end) : log_end; }
    Instant last_caught_up(bool synced) const noexcept { return synced ? synced_caught_up_at : caught_up_at; }
    void forget_position() noexcept;
    void on_caught_up(Instant at, Offset end);
  };

  bool is_caught_up(const Follower& follower, Offset own_end, bool synced, std::chrono::milliseconds lag_max,
                    Instant now) const;
  bool is_eligible(const Follower& follower, Offset high_watermark, bool synced) const;
  bool is_waited_for(const Follower& follower, bool synced) const;
  void set_members(const controller::PartitionImage& image);
  void forget_pending();

  const BrokerId self_;
  const Offset epoch_start_;
  std::map<BrokerId, Follower> followers_;  // of every replica but self
  std::vector<BrokerId> committed_;
  controller::PartitionEpoch partition_epoch_;
  std::optional<std::vector<Member>> pending_;
  controller::PartitionEpoch asked_with_{-1};  // the partition epoch when the last change was sent
  bool in_flight_ = false;  // `pending_` is being asked for; else it was, and nobody knows what came of it
  Instant retry_at_ = kNever;
  Instant last_now_;
};

}  // namespace sluice::broker::replication

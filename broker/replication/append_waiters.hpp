#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <vector>

#include "broker/replication/progress.hpp"
#include "protocol/base/ids.hpp"
#include "protocol/error_code.hpp"

namespace sluice::broker::replication {

/// Those who wait for one partition to move: produces for their records to be replicated, fetches for records.
///
/// Threading: any; its mutex is held for moments only. Acknowledgements are handed out, to be called without locks.
class AppendWaiters {
 public:
  /// `none`, or why the records may be lost.
  using Acknowledge = std::function<void(protocol::ErrorCode)>;

  /// Acknowledgements that are due, with what they are to be told.
  class Due {
   public:
    Due() = default;
    Due(std::vector<Acknowledge> calls, protocol::ErrorCode outcome) : calls_(std::move(calls)), outcome_(outcome) {}
    /// Without any lock held: they may come back.
    void tell() {
      for (auto& call : calls_) call(outcome_);
      calls_.clear();
    }
    bool empty() const noexcept { return calls_.empty(); }

   private:
    std::vector<Acknowledge> calls_;
    protocol::ErrorCode outcome_ = protocol::ErrorCode::none;
  };

  /// Waits for `end`, unless it is reached or nobody may wait: then the outcome, and `acknowledge` is left alone.
  /// `appended_in`: of a reign that is over nothing is waited for; kNoLeaderEpoch: whichever.
  std::optional<protocol::ErrorCode> add(Offset end, LeaderEpoch appended_in, Acknowledge& acknowledge,
                                         const std::atomic<std::int64_t>& high_watermark);
  /// The high watermark is at `end`.
  [[nodiscard]] Due reach(Offset end, protocol::ErrorCode outcome);
  /// Something was appended. Cheap where no follower waits.
  void on_append();

  /// Leadership without interruption from `epoch` on: those who come are kept.
  void open(LeaderEpoch epoch);
  /// All who wait are told, as are those who come before the next `open`; watchers look again.
  [[nodiscard]] Due fail(protocol::ErrorCode reason);

  void watch(Watch& watch);
  void unwatch(Watch& watch) noexcept;
  void wake_watchers();

 private:
  struct Waiting {
    Offset end;
    Acknowledge acknowledge;
  };
  using Watches = boost::intrusive::list<Watch, boost::intrusive::constant_time_size<false>>;

  static void wake(Watches& watches);

  std::mutex mutex_;             // of all below
  std::deque<Waiting> waiting_;  // ascending by `end`: appends come in order
  Watches consumers_;
  Watches replicas_;
  std::atomic<int> replicas_waiting_{0};  // of replicas_; to be looked at without the mutex
  LeaderEpoch leading_since_ = kNoLeaderEpoch;
  std::optional<protocol::ErrorCode> failed_ = protocol::ErrorCode::not_leader_or_follower;
};

}  // namespace sluice::broker::replication

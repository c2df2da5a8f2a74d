#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "broker/controller/broker_sessions.hpp"
#include "broker/controller/cluster_state.hpp"
#include "broker/controller/controller_request.hpp"
#include "broker/raft/raft_types.hpp"

namespace sluice::broker::controller {

/// What the active controller does: decides on requests, in order, on a state that is ahead of what is committed; keeps
/// the brokers' sessions; answers once what it decided is committed. On other nodes it refuses. Pure: no clock, no
/// thread; what it wants in the log goes out through `propose`, and comes back through `on_committed`.
///
///   idle -> active     lead(): this node leads the quorum, and everything up to the first entry of its term is applied
///   active -> idle     resign(): it leads no more. What was proposed may be lost or not: NOT_CONTROLLER, ask again
///
/// A new controller gives every broker a whole session to be heard in.
class ControllerCore {
 public:
  struct Options {
    std::chrono::milliseconds session_timeout{9000};          ///< broker.session.timeout.ms
    std::chrono::milliseconds leader_check_interval{300000};  ///< leader.imbalance.check.interval.seconds
    int imbalance_percent = 10;                               ///< leader.imbalance.per.broker.percentage
    bool balances_leaders = true;                             ///< auto.leader.rebalance.enable
    std::function<bool(BrokerId)> is_in_quorum = [](BrokerId) { return false; };  ///< those ids are given to nobody
    std::string new_cluster_id{};  ///< of a cluster that has none: this node's, or what its configuration says
  };
  /// Puts a command into the log: its index, or nullopt where this node leads no more.
  using Propose = std::function<std::optional<Offset>(std::string command)>;

  ControllerCore(Options options, Propose propose);

  /// `committed` is the state at the first entry of this term.
  void lead(const ClusterState& committed, raft::Now now);
  void resign();
  bool is_active() const noexcept { return state_.has_value(); }

  /// Decides, or refuses with NOT_CONTROLLER. The answer may come before it returns; never both or neither.
  /// Requests that the quorum decides (DescribeQuorum, AddRaftVoter, RemoveRaftVoter) are not for here.
  void submit(ControllerRequest request, Answer<ControllerResponse> answer, raft::Now now);
  /// Everything up to `index` is committed, and applied on this node.
  void on_committed(Offset index, raft::Now now);
  /// That broker's process is known to be gone (its connections closed, and nobody listens): its session is over.
  void on_broker_gone(BrokerId broker, raft::Now now);
  /// Fences the silent, moves leaders back, lets internal topics grow. Due at next_deadline().
  void tick(raft::Now now);
  raft::Instant next_deadline() const;

  /// As of everything proposed, while active.
  const ClusterState* state() const noexcept { return state_ ? &*state_ : nullptr; }

 private:
  struct Pending {
    Offset index;
    std::function<void(bool committed)> finish;
  };

  /// False: this node leads no more.
  template <class Request>
  bool decide(const Request& request, ControllerResponse& response, raft::Now now);
  /// Into the log, in one command or several, and into the state. False: this node leads no more.
  bool commit(std::span<const MetadataRecord> records);
  /// Once all that was decided so far is committed; at once where it is.
  void answer_when_committed(std::function<void(bool)> finish);
  /// A broker that got an answer is there.
  template <class Request, class Response>
  void hear(const Request& request, const Response& response, raft::Now now);
  Circumstances circumstances(raft::Now now) const;
  /// Something changed since it was looked for what moves, or might.
  bool may_move() const noexcept { return moves_checked_ < last_proposed_; }

  const Options options_;
  const Propose propose_;
  std::optional<ClusterState> state_;  // exactly while active
  BrokerSessions sessions_;
  std::deque<Pending> pending_;       // ascending
  Offset last_proposed_ = kNoOffset;  // >= committed_, but for the log's own entries
  Offset committed_ = kNoOffset;
  std::size_t commands_since_change_ = 0;
  raft::Instant balance_due_{};
  raft::Instant moves_due_{};
  Offset moves_checked_ = kNoOffset;
};

}  // namespace sluice::broker::controller

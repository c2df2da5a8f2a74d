#pragma once

#include <chrono>
#include <optional>
#include <variant>

#include "broker/controller/broker_calls.hpp"
#include "broker/raft/raft_types.hpp"

namespace sluice::broker::controller {

/// A broker's life with the controller, as the broker sees it. Pure: says what to send, and is told what came back.
///
///   unregistered -> fenced     registered; its image lags, or it is not ready to serve
///   fenced -> serving          the controller says so
///   serving -> fenced          the controller says so: it was not heard in time, or is stalled and said it
///   fenced, serving -> unregistered   STALE_BROKER_EPOCH: the controller knows another registration
///   any -> leaving             leave() was called
///   leaving -> left            the controller says that nothing depends on this broker any more
///   unregistered -> refused    its id or its cluster is another's: it must not serve
///
/// One request at a time; a failed one is repeated after a short while, a lost one after its time.
class BrokerLifecycle {
 public:
  enum class State { unregistered, fenced, serving, leaving, left, refused };
  struct Options {
    std::chrono::milliseconds heartbeat_interval{2000};  ///< broker.heartbeat.interval.ms
    std::chrono::milliseconds retry_interval{100};
    /// For so long another one's registration under the same id may be that of a process that is gone.
    std::chrono::milliseconds duplicate_patience{0};
  };
  using Request = std::variant<RegisterBrokerRequest, HeartbeatRequest>;

  BrokerLifecycle(const Options& options, RegisterBrokerRequest registration);

  /// What is to be sent now; nullopt: nothing. Each is followed by one call of on_response or on_failure.
  std::optional<Request> next_request(Offset metadata_offset, raft::Instant now);
  raft::Instant next_deadline() const;  ///< when to ask again, if nothing happens before

  void on_response(const RegisterBrokerResponse& response, raft::Instant now);
  void on_response(const HeartbeatResponse& response, raft::Instant now);
  void on_failure(raft::Instant now);  ///< no answer, or no controller
  /// The image has grown, a directory has failed...: not to wait for the next interval.
  void hurry() noexcept { due_ = raft::Instant{0}; }
  void set_offline_directories(std::vector<Uuid> directories);
  void set_offline_replicas(std::vector<OfflineReplica> replicas);
  /// It can't do a leader's work for now: others should.
  void set_stalled(bool stalled);
  void leave();

  State state() const noexcept { return state_; }
  BrokerEpoch epoch() const noexcept { return epoch_; }
  const std::string& refusal() const noexcept { return refusal_; }
  /// Another registration has its id, for now: `refusal` says what the controller said.
  bool waits_for_id() const noexcept { return state_ == State::unregistered && duplicate_since_.has_value(); }

 private:
  const Options options_;
  const RegisterBrokerRequest registration_;
  State state_ = State::unregistered;
  BrokerEpoch epoch_ = kNoBrokerEpoch;
  bool under_way_ = false;
  raft::Instant due_{0};
  std::vector<Uuid> offline_directories_;
  std::vector<OfflineReplica> offline_replicas_;
  bool stalled_ = false;
  std::optional<raft::Instant> duplicate_since_;
  std::string refusal_;
};

}  // namespace sluice::broker::controller

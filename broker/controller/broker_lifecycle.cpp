#include "broker/controller/broker_lifecycle.hpp"

#include <algorithm>
#include <utility>

namespace sluice::broker::controller {

using protocol::ErrorCode;

BrokerLifecycle::BrokerLifecycle(const Options& options, RegisterBrokerRequest registration)
    : options_(options), registration_(std::move(registration)) {}

std::optional<BrokerLifecycle::Request> BrokerLifecycle::next_request(Offset metadata_offset, raft::Instant now) {
  if (under_way_ || now < due_ || state_ == State::left || state_ == State::refused) return std::nullopt;
  under_way_ = true;
  due_ = now + options_.heartbeat_interval;
  if (epoch_ == kNoBrokerEpoch) return registration_;
  return HeartbeatRequest{.id = registration_.broker.id,
                          .epoch = epoch_,
                          .metadata_offset = metadata_offset,
                          .wants_fence = stalled_,
                          .wants_shutdown = state_ == State::leaving,
                          .offline_directories = offline_directories_,
                          .offline_replicas = offline_replicas_};
}

raft::Instant BrokerLifecycle::next_deadline() const {
  const bool waits = under_way_ || state_ == State::left || state_ == State::refused;
  return waits ? raft::Instant::max() : due_;
}

void BrokerLifecycle::on_response(const RegisterBrokerResponse& response, raft::Instant now) {
  under_way_ = false;
  switch (response.error_code) {
    case ErrorCode::none:
      epoch_ = response.epoch;
      duplicate_since_.reset();
      if (state_ != State::leaving) state_ = State::fenced;
      due_ = now;  // its image may show it already
      return;
    case ErrorCode::duplicate_broker_registration:
      if (!duplicate_since_) duplicate_since_ = now;
      refusal_ = response.error_message;
      if (now - *duplicate_since_ < options_.duplicate_patience) {
        due_ = now + options_.retry_interval;
      } else {
        state_ = State::refused;
      }
      return;
    case ErrorCode::inconsistent_cluster_id:
    case ErrorCode::unsupported_version:
    case ErrorCode::invalid_request:
      state_ = State::refused;
      refusal_ = response.error_message;
      return;
    default: due_ = now + options_.retry_interval;
  }
}

void BrokerLifecycle::on_response(const HeartbeatResponse& response, raft::Instant now) {
  under_way_ = false;
  if (response.error_code == ErrorCode::stale_broker_epoch ||
      response.error_code == ErrorCode::broker_id_not_registered) {
    epoch_ = kNoBrokerEpoch;
    // Nothing depends on a registration that is not there.
    state_ = state_ == State::leaving ? State::left : State::unregistered;
    due_ = now;
    return;
  }
  if (response.error_code != ErrorCode::none) {
    due_ = now + options_.retry_interval;
    return;
  }
  if (state_ == State::leaving) {
    if (response.may_shut_down) {
      state_ = State::left;
    } else {
      due_ = std::min(due_, now + options_.retry_interval);
    }
    return;
  }
  state_ = response.fenced ? State::fenced : State::serving;
  if (response.fenced && !stalled_) due_ = std::min(due_, now + options_.retry_interval);
}

void BrokerLifecycle::on_failure(raft::Instant now) {
  under_way_ = false;
  due_ = now + options_.retry_interval;
}

void BrokerLifecycle::set_offline_directories(std::vector<Uuid> directories) {
  if (directories == offline_directories_) return;
  offline_directories_ = std::move(directories);
  hurry();
}

void BrokerLifecycle::set_stalled(bool stalled) {
  if (std::exchange(stalled_, stalled) != stalled) hurry();
}

void BrokerLifecycle::set_offline_replicas(std::vector<OfflineReplica> replicas) {
  if (replicas == offline_replicas_) return;
  offline_replicas_ = std::move(replicas);
  hurry();
}

void BrokerLifecycle::leave() {
  if (state_ == State::left || state_ == State::refused || state_ == State::leaving) return;
  state_ = epoch_ == kNoBrokerEpoch ? State::left : State::leaving;
  hurry();
}

}  // namespace sluice::broker::controller

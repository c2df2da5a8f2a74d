#include "broker/controller/lifecycle_driver.hpp"

#include <algorithm>
#include <chrono>
#include <spdlog/spdlog.h>
#include <utility>

#include "broker/controller/controller_request.hpp"

namespace sluice::broker::controller {
namespace {

using protocol::ErrorCode;
using State = BrokerLifecycle::State;

raft::Now now() {
  using namespace std::chrono;
  return {.wall = Timestamp{duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count()},
          .steady = steady_clock::now().time_since_epoch()};
}

const char* name_of(State state) {
  switch (state) {
    case State::unregistered: return "unregistered";
    case State::fenced: return "fenced";
    case State::serving: return "serving";
    case State::leaving: return "leaving";
    case State::left: return "left";
    case State::refused: return "refused";
  }
  return "unknown";
}

/// No answer of the controller, but of those who looked for it.
bool is_failure(ErrorCode error) {
  return error == ErrorCode::not_controller || error == ErrorCode::request_timed_out ||
         error == ErrorCode::kafka_storage_error || error == ErrorCode::network_exception;
}

}  // namespace

LifecycleDriver::LifecycleDriver(Parts parts)
    : parts_(std::move(parts)), lifecycle_(parts_.options, parts_.registration) {}

LifecycleDriver::~LifecycleDriver() = default;

void LifecycleDriver::start() {
  parts_.thread.post([this] { advance(); });
}

void LifecycleDriver::serve() {
  parts_.thread.post([this] {
    serves_ = true;
    lifecycle_.hurry();
    advance();
  });
}

void LifecycleDriver::look() {
  const auto state = this->state();
  if (state != State::unregistered && state != State::fenced) return;
  parts_.thread.post([this] {
    if (state_ == State::serving) return;
    lifecycle_.hurry();
    advance();
  });
}

void LifecycleDriver::set_offline_directories(std::vector<Uuid> directories) {
  parts_.thread.post([this, directories = std::move(directories)]() mutable {
    lifecycle_.set_offline_directories(std::move(directories));
    advance();
  });
}

void LifecycleDriver::set_offline_replicas(std::vector<OfflineReplica> replicas) {
  parts_.thread.post([this, replicas = std::move(replicas)]() mutable {
    lifecycle_.set_offline_replicas(std::move(replicas));
    advance();
  });
}

void LifecycleDriver::leave() {
  parts_.thread.post([this] {
    lifecycle_.leave();
    advance();
    note_state();
  });
}

void LifecycleDriver::stop() {
  parts_.thread.post([this] {
    stopped_ = true;
    timer_.reset();
  });
}

std::string LifecycleDriver::refusal() const {
  const std::lock_guard lock{refusal_mutex_};
  return refusal_;
}

/// On the io thread, whenever something may have become due.
void LifecycleDriver::advance() {
  if (stopped_) return;
  const auto time = now();
  lifecycle_.set_stalled(serves_ && parts_.is_stalled());
  const auto shown = serves_ ? parts_.publisher.image()->version() : kNoOffset;
  if (const auto request = lifecycle_.next_request(shown, time.steady)) {
    std::visit([this](const auto& body) { send(body); }, *request);
  }
  if (state() == State::refused) return timer_.reset();
  const auto due = lifecycle_.next_deadline();
  if (due == raft::Instant::max()) return timer_.reset();
  const auto delay = std::chrono::ceil<std::chrono::milliseconds>(std::max(due - time.steady, raft::Instant{0}));
  timer_ = parts_.thread.after(std::max(delay, std::chrono::milliseconds{1}), [this] {
    const auto fired = std::move(timer_);
    advance();
  });
}

void LifecycleDriver::send(const RegisterBrokerRequest& request) {
  call(parts_.controller, request, [this](const RegisterBrokerResponse& response) {
    parts_.thread.post([this, response] { on_answer(response); });
  });
}

void LifecycleDriver::send(const HeartbeatRequest& request) {
  call(parts_.controller, request,
       [this](const HeartbeatResponse& response) { parts_.thread.post([this, response] { on_answer(response); }); });
}

template <class Response>
void LifecycleDriver::on_answer(const Response& response) {
  if (stopped_) return;
  if (is_failure(response.error_code)) {
    lifecycle_.on_failure(now().steady);
  } else {
    lifecycle_.on_response(response, now().steady);
  }
  note_state();
  advance();
}

void LifecycleDriver::note_state() {
  if (lifecycle_.waits_for_id() && !std::exchange(told_of_duplicate_, true)) {
    spdlog::warn("broker={} can't register yet: {} If that was this node with other disks, its session ends soon",
                 parts_.registration.broker.id.value(), lifecycle_.refusal());
  }
  const auto after = lifecycle_.state();
  epoch_.store(lifecycle_.epoch().value(), std::memory_order_release);
  if (after == state()) return;
  {
    const std::lock_guard lock{refusal_mutex_};
    refusal_ = lifecycle_.refusal();
  }
  spdlog::info("broker={} epoch={} {} (was {})", parts_.registration.broker.id.value(), epoch().value(), name_of(after),
               name_of(state()));
  state_.store(after, std::memory_order_release);
  parts_.on_change();
}

}  // namespace sluice::broker::controller

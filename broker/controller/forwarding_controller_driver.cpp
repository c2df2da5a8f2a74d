#include "broker/controller/forwarding_controller_driver.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "broker/controller/controller_codec.hpp"

namespace sluice::broker::controller {
namespace {

using protocol::ErrorCode;
using namespace std::chrono_literals;

constexpr std::chrono::milliseconds kRetryInterval = 50ms;
constexpr auto kNoController = "No controller could be reached in time.";
constexpr auto kNotSeenYet = "The change was made, but this broker does not know of it yet.";

/// Sent again by those who sent it, and of no use later.
bool is_repeated_anyway(const ControllerRequest& request) {
  return std::holds_alternative<HeartbeatRequest>(request.body) ||
         std::holds_alternative<RegisterBrokerRequest>(request.body);
}

/// What brokers ask for themselves does not wait for the image, which may wait for them. But an ISR does: before it
/// came the settings that it was decided with, and the leader must not have the one without the other (KIP-966).
bool shows_in_image(const ControllerRequest& request) {
  return !is_repeated_anyway(request) && !std::holds_alternative<JoinRequest>(request.body) &&
         !std::holds_alternative<protocol::AllocateProducerIdsRequest>(request.body);
}

/// The time that the request brings along.
std::optional<std::chrono::milliseconds> own_timeout(const ControllerRequest& request) {
  return std::visit(
      [](const auto& body) -> std::optional<std::chrono::milliseconds> {
        if constexpr (requires { body.timeout_ms; }) {
          if (body.timeout_ms > 0) return std::chrono::milliseconds{body.timeout_ms};
        }
        return std::nullopt;
      },
      request.body);
}

/// Of everything in the response there is something, and all of it says so.
struct SaysNotController {
  bool any = false;
  bool others = false;

  void look(ErrorCode error) {
    any |= error == ErrorCode::not_controller;
    others |= error != ErrorCode::not_controller;
  }
  template <class Items>
  void look_at(const Items& items) {
    for (const auto& item : items) {
      if constexpr (requires { item.error_code; }) look(item.error_code);
    }
  }
  template <class Response>
  void visit(const Response& response) {
    if constexpr (requires { response.error_code; }) {
      if (response.error_code != ErrorCode::none) return look(response.error_code);
    }
    if constexpr (requires { response.topics; }) look_at(response.topics);
    if constexpr (requires { response.responses; }) look_at(response.responses);
    if constexpr (requires { response.results; }) look_at(response.results);
    if constexpr (requires { response.items; }) look_at(response.items);
    if constexpr (requires { response.replica_election_results; }) {
      for (const auto& topic : response.replica_election_results) look_at(topic.partition_result);
    }
  }
};

}  // namespace

bool is_not_controller(const ControllerResponse& response) {
  SaysNotController says;
  std::visit([&](const auto& body) { says.visit(body); }, response.body);
  return says.any && !says.others;
}

ForwardingController::ForwardingController(const Parts& parts) : parts_(parts) {}

ForwardingController::~ForwardingController() = default;

void ForwardingController::submit(ControllerRequest request, Answer<ControllerResponse> answer) {
  const auto timeout =
      is_repeated_anyway(request) ? parts_.heartbeat_timeout : own_timeout(request).value_or(parts_.request_timeout);
  auto pending = std::make_shared<Pending>();
  pending->request = std::move(request);
  pending->answer = std::move(answer);
  pending->deadline = std::chrono::steady_clock::now() + timeout;
  bool is_stopped = false;
  bool starts_watch = false;
  {
    const std::lock_guard lock{mutex_};
    is_stopped = stopped_;
    if (!is_stopped) {
      pending_.insert(pending);
      starts_watch = !std::exchange(watches_time_, true);
    }
  }
  if (is_stopped)
    return pending->answer(refuse(pending->request, ErrorCode::not_controller, "This broker is stopping."));
  if (starts_watch) parts_.thread.post([this] { watch_time(); });
  attempt(pending);
}

void ForwardingController::attempt(const PendingPtr& pending) {
  const auto to = parts_.local.leader();
  std::uint64_t attempt = 0;
  {
    const std::lock_guard lock{mutex_};
    if (!pending->answer || pending->is_decided) return;
    pending->asked = to;
    attempt = ++pending->attempt;
  }
  if (to != kNoBroker) ask(pending, to, attempt);
}

void ForwardingController::ask(const PendingPtr& pending, BrokerId leader, std::uint64_t attempt) {
  if (leader == parts_.self) {
    return parts_.local.submit(pending->request, [this, pending, attempt](ControllerResponse response) {
      on_response(pending, attempt, std::move(response));
    });
  }
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(pending->deadline - std::chrono::steady_clock::now());
  parts_.client.call(leader, peer::ControllerCall{.request = encode(pending->request)}, std::max(left, 1ms),
                     [this, pending, attempt](Result<peer::CallResponse> answered) {
                       std::optional<ControllerResponse> response;
                       const auto* answer = answered ? std::get_if<peer::ControllerAnswer>(&*answered) : nullptr;
                       if (answer != nullptr) response = decode_response(as_byte_view(answer->response));
                       // The answer to another question is none.
                       if (response && response->body.index() != pending->request.body.index()) response.reset();
                       on_response(pending, attempt, std::move(response));
                     });
}

void ForwardingController::on_response(const PendingPtr& pending, std::uint64_t attempt,
                                       std::optional<ControllerResponse> response) {
  const bool is_answer = response && !is_not_controller(*response);
  {
    const std::lock_guard lock{mutex_};
    if (!pending->answer || pending->is_decided || (!is_answer && pending->attempt != attempt)) return;
    pending->is_decided = is_answer;
    if (!is_answer) pending->asked = kNoBroker;  // until look_again
  }
  if (!is_answer) return;
  if (response->version == kNoOffset || !shows_in_image(pending->request)) {
    return finish(pending, std::move(*response));
  }
  const auto version = response->version;
  parts_.publisher.when_reached(
      version, [this, pending, response = std::move(*response)]() mutable { finish(pending, std::move(response)); });
}

void ForwardingController::finish(const PendingPtr& pending, ControllerResponse response) {
  Answer<ControllerResponse> answer;
  {
    const std::lock_guard lock{mutex_};
    answer = std::exchange(pending->answer, nullptr);
    pending_.erase(pending);
  }
  if (answer) answer(std::move(response));
}

/// On the io thread.
void ForwardingController::watch_time() {
  timer_ = parts_.thread.after(kRetryInterval, [this] {
    const auto fired = std::move(timer_);
    look_again();
    {
      const std::lock_guard lock{mutex_};
      watches_time_ = !stopped_ && !pending_.empty();
      if (!watches_time_) return;
    }
    watch_time();
  });
}

void ForwardingController::look_again() {
  const auto now = std::chrono::steady_clock::now();
  const auto to = parts_.local.leader();
  struct Late {
    PendingPtr pending;
    ErrorCode error;
    const char* why;
  };
  std::vector<Late> late;
  std::vector<PendingPtr> stray;
  {
    const std::lock_guard lock{mutex_};
    for (const auto& pending : pending_) {
      if (pending->deadline <= now) {
        const bool is_unasked = !pending->is_decided && pending->asked == kNoBroker;
        late.push_back({pending, is_unasked ? ErrorCode::not_controller : ErrorCode::request_timed_out,
                        pending->is_decided ? kNotSeenYet : kNoController});
      } else if (!pending->is_decided && pending->asked != to) {
        stray.push_back(pending);
      }
    }
  }
  for (const auto& [pending, error, why] : late) finish(pending, refuse(pending->request, error, why));
  for (const auto& pending : stray) attempt(pending);
}

void ForwardingController::on_leader_change() {
  parts_.thread.post([this] { look_again(); });
}

void ForwardingController::stop() {
  std::unordered_set<PendingPtr> left;
  {
    const std::lock_guard lock{mutex_};
    stopped_ = true;
    left = pending_;
  }
  for (const auto& pending : left) {
    finish(pending, refuse(pending->request, ErrorCode::not_controller, "This broker is stopping."));
  }
}

}  // namespace sluice::broker::controller

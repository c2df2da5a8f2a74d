#include "tests/sim/node/controller_client.hpp"

#include <algorithm>

#include "broker/controller/controller_codec.hpp"
#include "broker/controller/forwarding_controller_driver.hpp"
#include "tests/sim/node/node.hpp"
#include "tests/sim/node/world.hpp"

namespace sluice::sim {

using namespace broker::controller;
using protocol::ErrorCode;

namespace {

constexpr Duration kRetryInterval = 50ms;

/// As ForwardingController has it.
bool waits_for_image(const ControllerRequest& request) {
  return !std::holds_alternative<HeartbeatRequest>(request.body) &&
         !std::holds_alternative<RegisterBrokerRequest>(request.body) &&
         !std::holds_alternative<AlterPartitionRequest>(request.body) &&
         !std::holds_alternative<JoinRequest>(request.body) &&
         !std::holds_alternative<protocol::AllocateProducerIdsRequest>(request.body);
}

ControllerRequest over_the_wire(const ControllerRequest& request) {
  auto decoded = decode_request(as_byte_view(encode(request)));
  require(decoded.has_value() && decoded->body == request.body, "requests to the controller survive their encoding",
          request.body.index());
  return std::move(*decoded);
}

}  // namespace

BrokerId ControllerClient::leader() const {
  const auto& leader = node_.process().quorum().raft().leader();
  if (!leader) return kNoBroker;
  const bool can_decide = leader->node != node_.broker_id() || node_.process().metadata().core().is_active();
  return can_decide ? leader->node : kNoBroker;
}

void ControllerClient::submit(ControllerRequest request, Duration timeout, Answer answer) {
  auto pending = std::make_shared<Pending>();
  pending->request = std::move(request);
  pending->answer = std::move(answer);
  pending->deadline = node_.clock().steady() + timeout;
  pending_.push_back(pending);
  attempt(pending);
  watch_time();
}

void ControllerClient::watch_time() {
  if (pending_.empty() || std::exchange(watches_, true)) return;
  node_.after(kRetryInterval, [this](Process&) {
    watches_ = false;
    look_again();
    watch_time();
  });
}

void ControllerClient::attempt(const PendingPtr& pending) {
  const auto to = leader();
  pending->asked = to;
  const auto number = ++pending->attempt;
  if (to == kNoBroker) return;
  if (to == node_.broker_id()) {
    auto answer = [this, pending, number](ControllerResponse response) { on_response(pending, number, &response); };
    return node_.process().metadata().submit(pending->request, std::move(answer));
  }
  auto& target = world_.node(to.value());
  const auto left = std::max<Duration>(pending->deadline - node_.clock().steady(), 1ms);
  world_.network.call<ControllerResponse>(
      node_.id(), target.id(), Line::controller, left,
      // It may arrive when this process is no more.
      [&world = world_, &target, request = pending->request](Network::Reply<ControllerResponse> reply) {
        target.run([&](Process& process) {
          process.metadata().submit(world.settings.encodes ? over_the_wire(request) : request, reply);
        });
      },
      [this, pending, number](CallError, ControllerResponse* response) {
        node_.run([&](Process&) { on_response(pending, number, response); });
      });
}

void ControllerClient::on_response(const PendingPtr& pending, std::uint64_t attempt, ControllerResponse* response) {
  const bool is_answer = response != nullptr && !is_not_controller(*response);
  if (!pending->answer || pending->is_decided || (!is_answer && pending->attempt != attempt)) return;
  pending->is_decided = is_answer;
  if (!is_answer) {
    pending->asked = kNoBroker;
    return;
  }
  if (response->version == kNoOffset || !waits_for_image(pending->request))
    return finish(pending, std::move(*response));
  const auto version = response->version;
  node_.process().metadata().when_reached(
      version, [this, pending, response = std::move(*response)]() mutable { finish(pending, std::move(response)); });
}

void ControllerClient::finish(const PendingPtr& pending, ControllerResponse response) {
  std::erase(pending_, pending);
  if (const auto answer = std::exchange(pending->answer, nullptr)) answer(std::move(response));
}

void ControllerClient::look_again() {
  const auto to = leader();
  const auto now = node_.clock().steady();
  const auto all = pending_;
  for (const auto& pending : all) {
    if (!pending->answer) continue;
    if (pending->deadline <= now) {
      const bool nobody = !pending->is_decided && pending->asked == kNoBroker;
      finish(pending, refuse(pending->request, nobody ? ErrorCode::not_controller : ErrorCode::request_timed_out,
                             "No controller could be reached in time."));
    } else if (!pending->is_decided && pending->asked != to) {
      attempt(pending);
    }
  }
}

}  // namespace sluice::sim

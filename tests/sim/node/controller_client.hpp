#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "broker/controller/controller_request.hpp"
#include "tests/sim/world/scheduler.hpp"

namespace sluice::sim {

class Node;
struct World;

/// The active controller as a simulated broker finds it: its own, or that of the quorum's leader. What
/// ForwardingController does with threads.
class ControllerClient {
 public:
  using Answer = broker::controller::Answer<broker::controller::ControllerResponse>;

  ControllerClient(World& world, Node& node) : world_(world), node_(node) {}

  /// Answered once: by the controller, once this broker's image shows what it says, or that there was none in time.
  void submit(broker::controller::ControllerRequest request, Duration timeout, Answer answer);
  void on_leader_change() { look_again(); }

 private:
  struct Pending {
    broker::controller::ControllerRequest request;
    Answer answer;
    Instant deadline{0};
    BrokerId asked = kNoBroker;
    std::uint64_t attempt = 0;
    bool is_decided = false;
  };
  using PendingPtr = std::shared_ptr<Pending>;

  BrokerId leader() const;
  void attempt(const PendingPtr& pending);
  void on_response(const PendingPtr& pending, std::uint64_t attempt, broker::controller::ControllerResponse* response);
  void finish(const PendingPtr& pending, broker::controller::ControllerResponse response);
  void look_again();
  void watch_time();

  World& world_;
  Node& node_;
  std::vector<PendingPtr> pending_;
  bool watches_ = false;
};

}  // namespace sluice::sim

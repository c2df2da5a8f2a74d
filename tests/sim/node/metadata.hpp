#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>

#include "broker/controller/cluster_state.hpp"
#include "broker/controller/controller_core.hpp"
#include "broker/raft/raft.hpp"
#include "broker/raft/state_machine.hpp"

namespace sluice::sim {

class Node;
struct World;

/// The metadata of a simulated process: the committed state, its images, and the controller while this node leads the
/// quorum. What MetadataDriver and ImagePublisher do with threads.
class Metadata final : public broker::raft::StateMachine {
 public:
  using Image = std::shared_ptr<const broker::controller::MetadataImage>;

  Metadata(World& world, Node& node);

  void attach(broker::raft::Raft& raft) { raft_ = &raft; }
  /// Asks the controller on this node alone.
  void submit(broker::controller::ControllerRequest request,
              broker::controller::Answer<broker::controller::ControllerResponse> answer);
  void on_broker_gone(BrokerId broker);
  /// Time has passed for the controller; after every event.
  void settle();

  const Image& image() const noexcept { return image_; }
  /// Calls `reached` once the image is of `version` or later.
  void when_reached(Offset version, std::function<void()> reached);
  const broker::controller::ClusterState& committed() const noexcept { return state_; }
  const broker::controller::ControllerCore& core() const noexcept { return core_; }

  void apply(std::vector<broker::raft::Entry> entries) override;
  bool restore(const broker::raft::SnapshotMeta& meta, std::string bytes) override;
  std::function<std::string()> save() override;
  void on_role_change(const broker::raft::RoleChange& change, broker::raft::Now now) override;
  void on_read(const broker::raft::ReadState&) override {}
  void tick(broker::raft::Now now) override;
  broker::raft::Instant next_deadline() const override;

 private:
  std::optional<Offset> propose(std::string command);
  void lead_if_due();
  void offer(broker::controller::ImageChange change);
  void publish();

  World& world_;
  Node& node_;
  broker::controller::ClusterState state_;
  broker::controller::ControllerCore core_;
  broker::raft::Raft* raft_ = nullptr;
  std::optional<broker::raft::Term> leads_in_;
  broker::raft::Term applied_term_;
  Image image_ = std::make_shared<const broker::controller::MetadataImage>();
  std::multimap<Offset, std::function<void()>> awaited_;
  std::optional<broker::controller::ImageChange> waiting_;  // not yet published
  std::chrono::nanoseconds tick_at_ = std::chrono::nanoseconds::max();
};

}  // namespace sluice::sim

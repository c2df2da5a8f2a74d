#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/controller/cluster_state.hpp"
#include "broker/controller/controller_core.hpp"
#include "broker/controller/image_publisher_driver.hpp"
#include "broker/controller/quorum_requests_driver.hpp"
#include "broker/raft/raft_driver.hpp"
#include "broker/raft/state_machine.hpp"

namespace sluice::broker::controller {

/// What the metadata log is for, on every node: applies its commands to the committed ClusterState, offers the images
/// to the publisher, and runs the ControllerCore while this node leads the quorum.
///
/// Threading: all on the Raft thread, but for `submit`.
class MetadataDriver final : public raft::StateMachine {
 public:
  struct Options {
    ControllerCore::Options core{};
    QuorumRequests::Options quorum{};
    std::shared_ptr<const config::BrokerConfig> config{};
    std::function<Uuid()> make_uuid = [] { return Uuid::random(); };
  };
  struct Listeners {
    /// Another leader, or none, or this node leads and can decide. On the Raft thread; may not wait.
    std::function<void()> on_leader_change = [] {};
    /// What this node's disk holds is not what this version understands, or Raft stopped for another reason.
    std::function<void()> on_fatal = [] {};
  };

  MetadataDriver(Options options, ImagePublisher& publisher, peer::AddressBook& addresses, Listeners listeners);

  /// Once, before the driver is started, which must outlive all calls of `submit`.
  void attach(raft::RaftDriver& driver);

  /// Asks the controller on this node alone: NOT_CONTROLLER where it does not lead. From any thread; answered exactly
  /// once, on the Raft thread or, when that has ended, at once.
  void submit(ControllerRequest request, Answer<ControllerResponse> answer);
  /// That broker's process is known to be gone. From any thread.
  void on_broker_gone(BrokerId broker);

  /// Whether this node is the active controller; for metrics. From any thread.
  bool is_active() const noexcept { return is_active_.load(std::memory_order_relaxed); }

  /// Who decides now, as far as this node knows: itself once it can. kNoBroker: nobody. From any thread.
  BrokerId leader() const noexcept { return BrokerId{leader_.load(std::memory_order_acquire)}; }
  /// Of the latest configuration that this node applied. From any thread.
  std::vector<raft::ReplicaKey> voters() const { return *voters_.load(std::memory_order_acquire); }

  void apply(std::vector<raft::Entry> entries) override;
  bool restore(const raft::SnapshotMeta& meta, std::string bytes) override;
  std::function<std::string()> save() override;
  void on_role_change(const raft::RoleChange& change, raft::Now now) override;
  void on_read(const raft::ReadState&) override {}
  void tick(raft::Now now) override;
  raft::Instant next_deadline() const override;

 private:
  ControllerCore::Options core_options() const;
  std::optional<Offset> propose(std::string command);
  void decide(ControllerRequest request, Answer<ControllerResponse> answer, raft::Raft& raft, raft::Now now);
  void lead_if_due();
  void publish();
  void end_session_of_gone(BrokerId broker);
  void note_voters(const raft::Configuration& configuration);

  const Options options_;
  ImagePublisher& publisher_;
  const Listeners listeners_;
  ClusterState state_;
  ControllerCore core_;
  QuorumRequests quorum_requests_;
  raft::RaftDriver* driver_ = nullptr;
  raft::Raft* raft_ = nullptr;  // known from the first task on
  raft::Now now_{};             // of the last call that told it
  struct Gone {
    BrokerEpoch epoch{};  // of which of its lives
    raft::Instant at{};
  };
  std::map<BrokerId, Gone> gone_;       // whose processes are gone, and were not heard of since
  std::optional<raft::Term> leads_in_;  // exactly while this node is the leader
  raft::Term applied_term_;             // of the last entry applied
  raft::LogIndex applied_ = raft::kNoIndex;
  raft::LogIndex proposed_ = raft::kNoIndex;  // the last command of this term that this node put into the log
  bool is_broken_ = false;                    // an entry was not understood: what follows it means nothing
  std::atomic<bool> is_active_{false};
  std::atomic<std::int32_t> leader_{kNoBroker.value()};
  std::atomic<std::shared_ptr<const std::vector<raft::ReplicaKey>>> voters_{
      std::make_shared<const std::vector<raft::ReplicaKey>>()};
};

}  // namespace sluice::broker::controller

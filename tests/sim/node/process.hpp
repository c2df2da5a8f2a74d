#pragma once

#include <functional>
#include <memory>
#include <string>

#include "broker/controller/broker_lifecycle.hpp"
#include "tests/sim/node/controller_client.hpp"
#include "tests/sim/node/fetchers.hpp"
#include "tests/sim/node/isr_changes.hpp"
#include "tests/sim/node/metadata.hpp"
#include "tests/sim/node/quorum.hpp"
#include "tests/sim/node/replica_fetches.hpp"
#include "tests/sim/node/replicas.hpp"

namespace sluice::sim {

class Node;
struct World;

/// One life of a node: the real cores, joined as ClusterNode and DataPlane join them, with events in place of threads.
class Process {
 public:
  Process(World& world, Node& node);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  /// False: it can't; `complaint` says why.
  bool start(std::string& complaint);
  /// What follows from what has just happened: after every event.
  void settle();
  bool has_failed() const;
  /// Of a disk that is no use: what its operator reads. Empty: none.
  const std::string& complaint() const { return replicas_->complaint(); }
  /// The cluster does not want it: what ends a broker.
  bool is_refused() const;
  /// Asks for a controlled shutdown; the process ends by itself once it may.
  void leave();
  bool has_left() const;
  void close();

  Quorum& quorum() { return *quorum_; }
  Metadata& metadata() { return *metadata_; }
  ControllerClient& controller() { return *controller_; }
  Replicas& replicas() { return *replicas_; }
  const Replicas& replicas() const { return *replicas_; }
  IsrChanges& isr_changes() { return *isr_changes_; }
  Fetchers& fetchers() { return *fetchers_; }
  ReplicaFetches& replica_fetches() { return *replica_fetches_; }
  broker::controller::BrokerLifecycle& lifecycle() { return *lifecycle_; }
  const broker::controller::BrokerLifecycle& lifecycle() const { return *lifecycle_; }
  bool serves() const noexcept { return serves_; }

  void on_leader_change();
  void on_image(const broker::controller::MetadataDelta& delta, const Metadata::Image& after);
  void on_published();

 private:
  void advance_lifecycle();
  template <class Response>
  void on_lifecycle_answer(const Response& response);
  void load();

  World& world_;
  Node& node_;
  std::unique_ptr<Metadata> metadata_;
  std::unique_ptr<Quorum> quorum_;
  std::unique_ptr<ControllerClient> controller_;
  std::unique_ptr<Replicas> replicas_;
  std::unique_ptr<IsrChanges> isr_changes_;
  std::unique_ptr<Fetchers> fetchers_;
  std::unique_ptr<ReplicaFetches> replica_fetches_;
  std::unique_ptr<broker::controller::BrokerLifecycle> lifecycle_;
  broker::controller::BrokerEpoch told_epoch_ = broker::controller::kNoBrokerEpoch;
  Instant lifecycle_at_ = Instant::max();
  bool serves_ = false;
};

}  // namespace sluice::sim

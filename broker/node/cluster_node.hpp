#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "broker/config/broker_config.hpp"
#include "broker/config/broker_settings.hpp"
#include "broker/controller/forwarding_controller_driver.hpp"
#include "broker/controller/image_publisher_driver.hpp"
#include "broker/controller/lifecycle_driver.hpp"
#include "broker/controller/metadata_driver.hpp"
#include "broker/controller/quorum_info.hpp"
#include "broker/identity/node_identity.hpp"
#include "broker/node/stall_watch.hpp"
#include "broker/peer/address_book.hpp"
#include "broker/peer/cluster_client.hpp"
#include "broker/peer/lost_brokers.hpp"
#include "broker/peer/raft_transport.hpp"
#include "broker/raft/raft_driver.hpp"
#include "broker/server/io_thread.hpp"
#include "storage/fs/file_system.hpp"

namespace sluice::broker::node {

/// A node's part in its cluster: the metadata log and the quorum that keeps it, the controller, the images, and the
/// registration of the broker that runs here, if one does.
///
/// Life: construct, open, start, (join, leave), stop. What other nodes send is handed in by NodePeerService.
class ClusterNode final : public controller::QuorumInfo {
 public:
  struct Options {
    const config::BrokerSettings& settings;
    std::shared_ptr<const config::BrokerConfig> config;
    identity::NodeIdentity identity;
    storage::FileSystem& files;        ///< of the metadata log
    std::string metadata_directory;    ///< the data directory that it lies in
    Uuid directory_id;                 ///< of that one
    peer::PeerAddress quorum_address;  ///< where others reach this node's quorum
    /// Of the broker of this node; nullopt: it has none.
    std::optional<controller::RegisterBrokerRequest> registration;
    /// Must stop: what this node finds contradicts what it is. On any thread; may not wait.
    std::function<void(const std::string& why)> on_fatal;
  };
  explicit ClusterNode(Options options);
  ~ClusterNode() override;
  ClusterNode(const ClusterNode&) = delete;
  ClusterNode& operator=(const ClusterNode&) = delete;

  /// Reads the metadata log; false: the reason was logged. What its snapshot holds is being published.
  bool open();
  /// Takes part in the quorum. What peers send may come from here on, and a little before.
  void start();

  /// Registers the broker of this node, and keeps it heard from here on.
  void join();
  /// The image shows this broker's registration; false: `give_up` said so, or it was refused (which was logged).
  bool wait_until_registered(const std::function<bool()>& give_up);
  /// Pre: what the image assigns to this broker is there. Returns when the image shows that it may serve; false as
  /// above.
  bool wait_until_unfenced(const std::function<bool()>& give_up);
  /// Waits for the cluster's id; false: `give_up` said so.
  bool wait_until_founded(const std::function<bool()>& give_up);
  /// `give_up` may have become true.
  void nudge() { publisher_.nudge(); }

  /// Gives up what this broker leads, and its place in the quorum's lead, while `within` lasts.
  void leave(std::chrono::milliseconds within);
  /// Ends the quorum's part and the controller: requests are refused from here on. Images stay. Idempotent.
  void stop_quorum(std::chrono::milliseconds hand_over);
  void stop();  ///< all of it; idempotent

  controller::ImagePublisher& publisher() noexcept { return publisher_; }
  controller::ForwardingController& controller() noexcept { return *controller_; }
  controller::MetadataDriver& metadata() noexcept { return *metadata_; }
  raft::RaftDriver& raft() noexcept { return *raft_; }
  peer::AddressBook& addresses() noexcept { return addresses_; }
  peer::RaftTransport& transport() noexcept { return *transport_; }
  peer::LostBrokers& lost_brokers() noexcept { return lost_brokers_; }
  IoThread& thread() noexcept { return thread_; }
  const Options& options() const noexcept { return options_; }
  BrokerId leader() const override;
  std::vector<Voter> voters() const override;
  /// Who this node is, and what it knows of its quorum; told on the Raft thread, and not once that has ended.
  void describe(std::function<void(peer::NodeDescription)> told) const;
  BrokerId self() const noexcept { return options_.settings.node_id; }
  /// Null where no broker runs.
  controller::LifecycleDriver* lifecycle() noexcept { return lifecycle_.get(); }
  /// Calls it with this broker's epoch, now if it has one, and whenever that changes. Before `join`.
  void on_broker_epoch(std::function<void(controller::BrokerEpoch)> listener) { on_epoch_ = std::move(listener); }
  /// `oldest_sync` tells since when a disk of this broker's data has been syncing, if one is. Before `join`.
  void watch_syncs(std::function<std::optional<StallWatch::Instant>()> oldest_sync) {
    stalls_.watch(session_timeout(), "syncing records", std::move(oldest_sync));
  }

 private:
  bool wait(const char* what, const std::function<bool()>& give_up,
            const std::function<bool(const controller::MetadataImage&)>& enough);
  void follow_cluster_id(const controller::MetadataImage& image);
  void on_lifecycle_change();
  void on_peer_loss(BrokerId node, peer::Loss fate);
  void on_foreign_peers(const std::set<BrokerId>& nodes, const std::string& cluster_id);
  void remember_quorum();
  std::chrono::milliseconds session_timeout() const { return options_.settings.cluster.session_timeout; }
  void watch_metadata();
  bool is_stalled();

  const Options options_;
  IoThread thread_;
  peer::AddressBook addresses_;
  peer::LostBrokers lost_brokers_;
  controller::ImagePublisher publisher_;
  std::unique_ptr<peer::RaftTransport> transport_;
  std::unique_ptr<peer::ClusterClient> client_;
  std::unique_ptr<controller::MetadataDriver> metadata_;
  std::unique_ptr<raft::RaftDriver> raft_;
  std::unique_ptr<controller::ForwardingController> controller_;
  std::unique_ptr<controller::LifecycleDriver> lifecycle_;
  std::function<void(controller::BrokerEpoch)> on_epoch_;
  StallWatch stalls_;
  controller::BrokerEpoch told_epoch_ = controller::kNoBrokerEpoch;  // the io thread's
  std::atomic<bool> remembers_quorum_{false};                        // a task that will is posted
  bool knows_cluster_id_ = false;                                    // the metadata thread's
  bool started_ = false;
  bool quorum_stopped_ = false;
  bool stopped_ = false;
};

}  // namespace sluice::broker::node

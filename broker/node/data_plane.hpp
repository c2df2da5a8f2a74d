#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "broker/config/broker_config.hpp"
#include "broker/config/broker_settings.hpp"
#include "broker/controller/broker_calls.hpp"
#include "broker/directory_watch.hpp"
#include "broker/fetch/fetch_session.hpp"
#include "broker/fetch/replica_fetch_sessions.hpp"
#include "broker/group/group_coordinator_driver.hpp"
#include "broker/housekeeping.hpp"
#include "broker/integrity/scrubber.hpp"
#include "broker/metrics/broker_metrics.hpp"
#include "broker/node/cluster_node.hpp"
#include "broker/producer_ids.hpp"
#include "broker/replication/fetcher_manager.hpp"
#include "broker/replication/isr_change_driver.hpp"
#include "broker/replication/log_cleaner.hpp"
#include "broker/replication/log_syncer.hpp"
#include "broker/replication/partition_table.hpp"
#include "broker/replication/replica_event_relay.hpp"
#include "broker/replication/replica_mover.hpp"
#include "broker/replication/replica_progress_receiver.hpp"
#include "broker/server/server.hpp"
#include "storage/log_manager.hpp"

namespace sluice::broker::node {

/// What a broker keeps and serves: its logs, the partitions that they are the replicas of, those who fetch, sync and
/// clean them, and the groups whose coordinator it is. Follows the images of a ClusterNode.
///
/// Life: construct (locks the data directories), connect, (load, start), stop. A node that is a controller alone
/// connects it, so that requests find it empty, and loads nothing.
class DataPlane {
 public:
  struct Options {
    storage::FileSystem& files;
    const config::BrokerSettings& settings;
    const config::BrokerConfig& config;
    metrics::BrokerMetrics& metrics;
    Server& server;
  };
  explicit DataPlane(const Options& options);
  ~DataPlane();
  DataPlane(const DataPlane&) = delete;
  DataPlane& operator=(const DataPlane&) = delete;

  /// False: the reason was logged.
  bool open_directories(const identity::NodeIdentity& identity);
  /// The cluster's id, where it was not known before.
  bool adopt_cluster_id(const std::string& cluster_id);

  /// Makes the parts, all of them empty.
  void connect(ClusterNode& cluster);
  /// Opens the logs that the newest image assigns to this broker, and follows the images from here on. False: the
  /// reason was logged.
  bool load();
  /// Begins what goes on beside the requests.
  void start();
  /// Everybody who waits is answered; nothing is coordinated or fetched any more.
  void stop_serving();
  /// Syncs and closes the logs. After the io threads and the metadata thread.
  void close();

  storage::LogManager& logs() noexcept { return *logs_; }
  replication::PartitionTable& partitions() noexcept { return *partitions_; }
  replication::ReplicaMover& mover() noexcept { return *mover_; }
  fetch::FetchSessionCache& fetch_sessions() noexcept { return *fetch_sessions_; }
  fetch::ReplicaFetchSessions& replica_fetches() noexcept { return replica_fetches_; }
  group::GroupCoordinatorDriver& groups() noexcept { return *groups_; }
  ProducerIds& producer_ids() noexcept { return *producer_ids_; }
  replication::ReplicaProgressReceiver& replica_progress() noexcept { return *replica_progress_; }
  /// Of the directories that can be used.
  std::vector<Uuid> directory_ids() const;
  /// Before `load`.
  bool was_shut_down_cleanly() const { return logs_->clean_shutdown_found(); }

 private:
  void watch_directories();
  void on_directory_failure();
  void tell_of_unserved();
  bool open_logs(const controller::MetadataImage& image);
  void follow_images();
  void follow_settings(const controller::MetadataImage& image);
  void pull_metrics();

  const Options options_;
  const config::BrokerSettings& settings_;
  ClusterNode* cluster_ = nullptr;
  std::unique_ptr<storage::LogManager> logs_;
  std::unique_ptr<DirectoryWatch> directory_watch_;
  replication::ReplicaEventRelay replica_events_;
  std::unique_ptr<replication::LogSyncer> syncer_;
  std::unique_ptr<replication::PartitionTable> partitions_;
  std::unique_ptr<replication::ReplicaMover> mover_;
  std::unique_ptr<replication::IsrChangeDriver> isr_changes_;
  std::unique_ptr<replication::FetcherManager> fetchers_;
  std::unique_ptr<replication::ReplicaProgressReceiver> replica_progress_;
  std::unique_ptr<fetch::FetchSessionCache> fetch_sessions_;
  fetch::ReplicaFetchSessions replica_fetches_;
  std::unique_ptr<ProducerIds> producer_ids_;
  std::unique_ptr<group::GroupCoordinatorDriver> groups_;
  std::unique_ptr<integrity::Scrubber> scrubber_;
  std::unique_ptr<replication::LogCleaner> cleaner_;
  Housekeeping housekeeping_;
  std::atomic<bool> follows_images_{false};
  std::vector<controller::OfflineReplica> told_unserved_;  // on the metadata's thread
  bool logs_opened_ = false;                               // else they must not be marked as closed cleanly
};

}  // namespace sluice::broker::node

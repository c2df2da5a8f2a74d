#pragma once

#include <memory>
#include <string>
#include <utility>

#include "broker/config/broker_settings.hpp"
#include "broker/controller/metadata_image.hpp"
#include "broker/replication/partition_key.hpp"
#include "broker/replication/partition_table.hpp"
#include "broker/replication/replica_events.hpp"
#include "broker/replication/sync_queue.hpp"
#include "storage/log_manager.hpp"

namespace sluice::sim {

class Node;
struct World;

/// The replicas of a simulated process: the real table over the real logs on the machine's disk, and a disk that takes
/// its time to sync.
class Replicas final : public broker::replication::SyncQueue, public broker::replication::ReplicaEvents {
 public:
  using PartitionPtr = std::shared_ptr<broker::replication::Partition>;

  Replicas(World& world, Node& node);
  ~Replicas() override;

  Result<> open(const std::string& directory);
  /// Opens what the image assigns to this broker, as if all of it were new.
  bool load(const broker::controller::MetadataImage& image);
  bool is_loaded() const noexcept { return loaded_; }
  void apply(const broker::controller::MetadataDelta& delta);
  void close();

  /// What is found may be changed by whoever asks.
  PartitionPtr find(const broker::replication::PartitionKey& key);
  template <class Visit>
  void for_each(Visit&& visit) const {
    if (loaded_) table_->for_each(visit);
  }
  /// Whether anything may have changed since it was asked last.
  void touch() noexcept { touched_ = true; }
  bool take_touched() noexcept { return std::exchange(touched_, false); }
  std::string cluster_id() const;
  void adopt_cluster_id(const std::string& cluster_id);
  Uuid directory_id() const;
  std::vector<broker::controller::OfflineReplica> unserved() const { return table_->unserved(); }
  bool was_shut_down_cleanly() const noexcept { return was_clean_; }
  bool has_failed() const noexcept { return failed_; }
  const std::string& complaint() const noexcept { return complaint_; }

  void request(const PartitionPtr& partition) override;
  void request_by(const PartitionPtr& partition, Instant due) override;
  void on_isr_change_wanted(const PartitionPtr& partition) noexcept override;
  void on_follower_synced(const PartitionPtr& partition) noexcept override;

 private:
  void checkpoint_later();

  World& world_;
  Node& node_;
  broker::config::BrokerSettings settings_;
  std::unique_ptr<storage::LogManager> logs_;
  std::unique_ptr<broker::replication::PartitionTable> table_;
  bool loaded_ = false;
  bool was_clean_ = true;
  bool failed_ = false;
  std::string complaint_;  // why it can't load
  bool at_once_ = false;   ///< whoever asks waits
  bool touched_ = true;
};

}  // namespace sluice::sim

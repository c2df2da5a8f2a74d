#pragma once

#include <functional>
#include <map>
#include <memory>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "broker/config/broker_config.hpp"
#include "broker/config/broker_settings.hpp"
#include "broker/controller/broker_calls.hpp"
#include "broker/controller/metadata_image.hpp"
#include "broker/replication/partition.hpp"
#include "broker/replication/replica_events.hpp"
#include "broker/replication/sync_queue.hpp"
#include "protocol/base/uuid.hpp"
#include "storage/log_manager.hpp"

namespace sluice::broker::replication {

/// This broker's replicas, by topic name and by topic id. Follows the metadata: creates, configures and removes
/// partitions, and gives them their roles, as the images say; never the other way round.
///
/// Threading: lookups from any thread; changes come from one thread at a time (the metadata's).
class PartitionTable {
 public:
  using Instant = Partition::Instant;

  PartitionTable(storage::LogManager& logs, SyncQueue& syncer, ReplicaEvents& events,
                 const config::BrokerConfig& config, const config::BrokerSettings& settings);

  /// Null when this broker has no such replica.
  std::shared_ptr<Partition> find(std::string_view topic, PartitionId partition) const;
  std::shared_ptr<Partition> find(const Uuid& topic_id, PartitionId partition) const;

  /// Goes by the dynamic settings of brokers in `image` from here on, for all topics: cheap where they are the same as
  /// before. Before the `apply` of what else is new in it.
  void follow_defaults(const controller::MetadataImage& image);

  /// Brings the replicas in step with `delta`. A log that can't be created is logged and left out: its partition
  /// answers KAFKA_STORAGE_ERROR until the next start. Blocks until what was opened and has no other replica is synced.
  void apply(const controller::MetadataDelta& delta, Timestamp now, Instant instant = std::chrono::steady_clock::now());

  /// Stops serving the partitions in data directories that have failed: from here on they answer KAFKA_STORAGE_ERROR,
  /// and so are those told who wait. Returns how many. On the metadata's thread.
  std::size_t drop_failed_directories();
  /// The replicas that the metadata assigns to this broker and that it can't serve. On the metadata's thread.
  std::vector<controller::OfflineReplica> unserved() const;

  void for_each(const std::function<void(const std::shared_ptr<Partition>&)>& visit) const;
  /// The replicas as they are now, to be visited a part at a time.
  class Walk;
  Walk walk() const;
  /// The partitions of the topics that are compacted: those alone are looked at.
  void for_each_compacted(const std::function<void(const std::shared_ptr<Partition>&)>& visit) const;
  std::size_t count() const;
  storage::LogManager::HighWatermarkOf high_watermark_lookup() const;
  storage::LogManager& logs() noexcept { return logs_; }

  /// The log settings of a topic, as its overrides and the broker's defaults have them.
  storage::LogOptions log_options(const config::TopicSettings& settings) const;

 private:
  struct Topic {
    std::string name;
    Uuid id;
    std::vector<std::shared_ptr<Partition>> partitions;  // null where another broker has it, or its log failed
  };
  using TopicPtr = std::shared_ptr<const Topic>;
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
  };

  TopicPtr find_topic(std::string_view name) const;
  TopicPtr find_topic(const Uuid& id) const;
  /// One delta while it is applied.
  struct Change {
    const controller::TopicImage& topic;
    const controller::TopicImage* before;  // null: the topic is new
    Partition::SettingsPtr settings;
    Timestamp now;
    Instant instant;
  };

  void open_topic(const controller::TopicChange& change, Timestamp now, Instant instant,
                  std::vector<std::shared_ptr<Partition>>& opened);
  void close_topic(const controller::TopicImage& image);
  void close_partition(Partition& partition, protocol::ErrorCode reason);
  void set_settings(const Partition::SettingsPtr& settings, const TopicPtr& topic);
  Partition::SettingsPtr settings_of(const controller::TopicImage& topic, const Topic* before) const;
  std::shared_ptr<Partition> open_partition(const Change& change, const controller::PartitionImage& image);
  std::shared_ptr<storage::Log> open_log(const Change& change, const controller::PartitionImage& image);
  static void give_role(Partition& partition, const controller::PartitionImage& image, Instant now);
  void tell_of_missing();

  storage::LogManager& logs_;
  SyncQueue& syncer_;
  ReplicaEvents& events_;
  const config::BrokerConfig& config_;  // what the broker was started with
  config::BrokerConfig effective_;      // on the metadata's thread
  const BrokerId this_broker_;
  const std::chrono::milliseconds lag_max_;
  const std::chrono::milliseconds producer_id_expiration_;
  bool started_ = false;  // what was there before has been applied; on the metadata's thread
  std::map<Uuid, std::vector<PartitionId>> unserved_;  // by topic; on the metadata's thread
  std::size_t kept_waiting_ = 0;  // partitions that may be in a directory that is away; on the metadata's thread
  mutable std::shared_mutex mutex_;
  std::unordered_map<std::string, TopicPtr, TextHash, std::equal_to<>> by_name_;
  std::unordered_map<Uuid, TopicPtr> by_id_;
  std::unordered_map<Uuid, TopicPtr> compacted_;  // of by_id_
};

class PartitionTable::Walk {
 public:
  /// The next ones, `count` at most. False: there are no more.
  bool visit(std::size_t count, const std::function<void(const std::shared_ptr<Partition>&)>& visit);

 private:
  friend class PartitionTable;
  std::vector<TopicPtr> topics_;
  std::size_t topic_ = 0;
  std::size_t partition_ = 0;  // of topics_[topic_]
};

}  // namespace sluice::broker::replication

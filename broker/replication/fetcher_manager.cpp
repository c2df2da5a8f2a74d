#include "broker/replication/fetcher_manager.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <mutex>

#include "broker/peer/address_book.hpp"
#include "broker/replication/fetcher_driver.hpp"
#include "broker/replication/partition_table.hpp"

namespace sluice::broker::replication {
namespace {

/// Whom the partition is to be fetched from here; kNoBroker: from nobody.
BrokerId followed_by(BrokerId self, const controller::PartitionImage& image) {
  return image.has_replica(self) && image.leader != self ? image.leader : kNoBroker;
}

FetcherDriver::Options driver_options(const config::BrokerSettings& settings, std::size_t shard,
                                      const std::function<void(BrokerId)>& on_lost) {
  const auto& cluster = settings.cluster;
  return {.fetch = {.self = settings.node_id,
                    .wait_max = cluster.replica_fetch_wait_max,
                    .bytes_min = cluster.replica_fetch_min_bytes,
                    .partition_bytes_max = cluster.replica_fetch_max_bytes,
                    .response_bytes_max = cluster.replica_fetch_response_max_bytes,
                    .backoff_max = cluster.replica_fetch_backoff},
          .client_id = fmt::format("broker-{}-fetcher-{}", settings.node_id.value(), shard),
          .response_timeout = cluster.replica_socket_timeout,
          .retry_max = cluster.replica_fetch_backoff,
          .on_lost = on_lost};
}

}  // namespace

/// The partitions of one hash, on one thread.
class FetcherManager::Shard {
 public:
  struct Assignment {
    PartitionKey key;
    std::shared_ptr<Partition> partition;  // null: it is gone
    BrokerId leader = kNoBroker;
  };

  Shard(std::size_t index, const config::BrokerSettings& settings, const peer::AddressBook& addresses,
        const std::atomic<std::int64_t>& broker_epoch, const std::function<void(BrokerId)>& on_lost)
      : thread_(static_cast<unsigned>(index), "sluice-fetch"),
        options_(driver_options(settings, index, on_lost)),
        addresses_(addresses),
        broker_epoch_(broker_epoch) {}

  void assign(std::vector<Assignment> assignments) {
    if (assignments.empty()) return;
    start();
    thread_.post([this, assignments = std::move(assignments)] {
      for (const auto& assignment : assignments) take(assignment);
      go_on();
    });
  }

  void look_up_addresses() {
    if (!started_) return;
    thread_.post([this] {
      for (const auto& [leader, driver] : drivers_) driver->set_address(addresses_.broker_address(leader));
      go_on();
    });
  }

  void broker_epoch_changed() {
    const std::lock_guard lock{start_mutex_};
    if (!started_) return;
    thread_.post([this] {
      for (const auto& [leader, driver] : drivers_) driver->begin_anew();
      go_on();
    });
  }

  void note_synced(const std::shared_ptr<Partition>& partition) {
    const std::lock_guard lock{synced_mutex_};
    synced_.push_back(partition);
    if (std::exchange(synced_posted_, true)) return;
    thread_.post([this] { take_synced(); });
  }

  void stop() {
    const std::lock_guard lock{start_mutex_};
    if (std::exchange(stopped_, true) || !started_) return;
    thread_.stop();
    for (const auto& [leader, driver] : drivers_) driver->close();
    drivers_.clear();
    leaders_.clear();
  }

 private:
  void start() {
    const std::lock_guard lock{start_mutex_};
    if (!stopped_ && !std::exchange(started_, true)) thread_.start();
  }

  void take(const Assignment& assignment) {
    const auto before = leaders_.find(assignment.key);
    if (before != leaders_.end() && before->second != assignment.leader) {
      drivers_.at(before->second)->remove(assignment.key);
      leaders_.erase(before);
    }
    if (assignment.leader == kNoBroker || !assignment.partition) return;
    driver_of(assignment.leader).add(assignment.partition);
    leaders_[assignment.key] = assignment.leader;
  }

  FetcherDriver& driver_of(BrokerId leader) {
    auto& driver = drivers_[leader];
    if (!driver) {
      driver = std::make_shared<FetcherDriver>(thread_, leader, options_, broker_epoch_);
      driver->set_address(addresses_.broker_address(leader));
    }
    return *driver;
  }

  void take_synced() {
    std::vector<std::shared_ptr<Partition>> synced;
    {
      const std::lock_guard lock{synced_mutex_};
      synced.swap(synced_);
      synced_posted_ = false;
    }
    for (const auto& partition : synced) {
      const PartitionKey key{partition->topic_id(), partition->name().partition};
      const auto found = leaders_.find(key);
      if (found != leaders_.end()) drivers_.at(found->second)->note_synced(key);
    }
    go_on();
  }

  void go_on() {
    for (const auto& [leader, driver] : drivers_) driver->go_on();
    std::erase_if(drivers_, [](const auto& item) { return item.second->is_idle(); });
  }

  IoThread thread_;
  const FetcherDriver::Options options_;
  const peer::AddressBook& addresses_;
  const std::atomic<std::int64_t>& broker_epoch_;
  std::mutex start_mutex_;  // of the two below
  bool started_ = false;
  bool stopped_ = false;

  // On the thread.
  std::map<BrokerId, std::shared_ptr<FetcherDriver>> drivers_;
  std::unordered_map<PartitionKey, BrokerId> leaders_;  // whose driver has it

  std::mutex synced_mutex_;  // of the two below; taken with a partition's locks held
  std::vector<std::shared_ptr<Partition>> synced_;
  bool synced_posted_ = false;
};

FetcherManager::FetcherManager(const config::BrokerSettings& settings, PartitionTable& partitions,
                               const peer::AddressBook& addresses, const std::function<void(BrokerId)>& on_lost)
    : settings_(settings), partitions_(partitions) {
  const auto count = static_cast<std::size_t>(std::max(settings.cluster.replica_fetchers, 1));
  for (std::size_t i = 0; i < count; ++i) {
    shards_.push_back(std::make_unique<Shard>(i, settings, addresses, broker_epoch_, on_lost));
  }
}

FetcherManager::~FetcherManager() { stop(); }

void FetcherManager::stop() {
  for (const auto& shard : shards_) shard->stop();
}

FetcherManager::Shard& FetcherManager::shard_of(const Uuid& topic_id, PartitionId partition) const {
  return *shards_[std::hash<PartitionKey>{}({topic_id, partition}) % shards_.size()];
}

void FetcherManager::set_broker_epoch(controller::BrokerEpoch epoch) {
  if (broker_epoch_.exchange(epoch.value()) == epoch.value()) return;
  for (const auto& shard : shards_) shard->broker_epoch_changed();
}

void FetcherManager::on_follower_synced(const std::shared_ptr<Partition>& partition) noexcept {
  shard_of(partition->topic_id(), partition->name().partition).note_synced(partition);
}

void FetcherManager::apply(const controller::MetadataDelta& delta) {
  std::unordered_map<Shard*, std::vector<Shard::Assignment>> assignments;
  const auto assign = [&](const controller::TopicImage& topic, PartitionId partition, BrokerId leader) {
    const PartitionKey key{topic.id, partition};
    auto replica = leader == kNoBroker ? nullptr : partitions_.find(topic.id, partition);
    if (replica) {
      assigned_[key] = replica;
    } else {
      assigned_.erase(key);
    }
    assignments[&shard_of(topic.id, partition)].push_back({key, std::move(replica), leader});
  };
  // Its log could not be made before, or its directory had failed.
  const auto is_another = [&](const controller::TopicImage& topic, PartitionId partition) {
    const auto known = assigned_.find({topic.id, partition});
    return partitions_.find(topic.id, partition) != (known == assigned_.end() ? nullptr : known->second.lock());
  };
  for (const auto& [before, after] : delta.topics) {
    const auto* same = before && after && before->id == after->id ? before.get() : nullptr;
    if (before && same == nullptr) {
      for (const auto& old : before->partitions) {
        if (followed_by(settings_.node_id, old) != kNoBroker) assign(*before, old.partition, kNoBroker);
      }
    }
    if (!after) continue;
    for (const auto& partition : after->partitions) {
      const auto* old = same == nullptr ? nullptr : same->find_partition(partition.partition);
      const auto leader = followed_by(settings_.node_id, partition);
      const auto old_leader = old == nullptr ? kNoBroker : followed_by(settings_.node_id, *old);
      const bool same_epoch = old != nullptr && old->leader_epoch == partition.leader_epoch;
      const bool follows_anew = leader != kNoBroker && (!same_epoch || is_another(*after, partition.partition));
      if (leader != old_leader || follows_anew) assign(*after, partition.partition, leader);
    }
  }
  for (auto& [shard, list] : assignments) shard->assign(std::move(list));
  if (!delta.brokers_changed) return;
  for (const auto& shard : shards_) shard->look_up_addresses();
}

}  // namespace sluice::broker::replication

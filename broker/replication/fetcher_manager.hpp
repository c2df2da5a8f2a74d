#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "broker/config/broker_settings.hpp"
#include "broker/controller/metadata_image.hpp"
#include "broker/replication/partition_key.hpp"
#include "protocol/base/ids.hpp"

namespace sluice::broker::peer {
class AddressBook;
}

namespace sluice::broker::replication {

class Partition;
class PartitionTable;

/// Who fetches this broker's replicas, and from whom: follows the metadata, one FetcherDriver a (leader, shard) and one
/// thread a shard (num.replica.fetchers), started with the first replica that has somebody to follow. A partition stays
/// in its shard whoever leads it, so that one thread at a time appends what was fetched.
///
/// Threading: apply on the metadata's thread; the rest on any.
class FetcherManager {
 public:
  /// The table and the addresses outlive it. `on_lost` is told of leaders that can suddenly not be fetched from, on any
  /// thread.
  FetcherManager(const config::BrokerSettings& settings, PartitionTable& partitions, const peer::AddressBook& addresses,
                 const std::function<void(BrokerId)>& on_lost = {});
  ~FetcherManager();  ///< as `stop`
  FetcherManager(const FetcherManager&) = delete;
  FetcherManager& operator=(const FetcherManager&) = delete;

  /// After PartitionTable::apply and AddressBook::apply of the same change.
  void apply(const controller::MetadataDelta& delta);
  /// Of this broker's registration: leaders are told. Nothing is fetched before it is known.
  void set_broker_epoch(controller::BrokerEpoch epoch);
  /// ReplicaEvents::on_follower_synced: may be called with the partition's locks held.
  void on_follower_synced(const std::shared_ptr<Partition>& partition) noexcept;
  /// Closes the connections and ends the threads: nothing is appended any more. Idempotent.
  void stop();

 private:
  class Shard;

  Shard& shard_of(const Uuid& topic_id, PartitionId partition) const;

  const config::BrokerSettings& settings_;
  PartitionTable& partitions_;
  std::atomic<std::int64_t> broker_epoch_{controller::kNoBrokerEpoch.value()};
  std::vector<std::unique_ptr<Shard>> shards_;
  std::unordered_map<PartitionKey, std::weak_ptr<Partition>> assigned_;  // on the metadata's thread
};

}  // namespace sluice::broker::replication

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "broker/controller/metadata_image.hpp"
#include "protocol/base/bytes.hpp"
#include "protocol/base/ids.hpp"
#include "protocol/base/uuid.hpp"

namespace sluice::broker::replication {

/// What a follower tells a leader of the replicas that it has synced: the body of a ReplicaProgress frame
/// (replica_progress.proto). Synced ends only grow within a leader epoch, so a repeated or late one says nothing wrong,
/// and a lost one is told again after the next full fetch.
struct ReplicaProgress {
  struct Item {
    Uuid topic_id{};
    PartitionId partition{};
    LeaderEpoch leader_epoch{};  ///< in which the leader has accepted the follower's log
    Offset synced_end{};
    friend bool operator==(const Item&, const Item&) = default;
  };
  BrokerId replica{};
  controller::BrokerEpoch broker_epoch = controller::kNoBrokerEpoch;
  std::vector<Item> items{};
  friend bool operator==(const ReplicaProgress&, const ReplicaProgress&) = default;
};

std::string encode(const ReplicaProgress& progress);
/// nullopt: it makes no sense.
std::optional<ReplicaProgress> decode_replica_progress(ByteView bytes);

}  // namespace sluice::broker::replication

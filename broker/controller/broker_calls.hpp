#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "broker/controller/features.hpp"
#include "broker/controller/metadata_image.hpp"
#include "protocol/error_code.hpp"

// What brokers ask of the active controller, besides forwarding what their clients ask. As Protobuf on the wire
// (broker_calls.proto), as these plain values everywhere else.

namespace sluice::broker::controller {

/// A broker is there. Answered with its epoch, with which it heartbeats.
struct RegisterBrokerRequest {
  std::string cluster_id{};  ///< empty: it has none yet
  BrokerImage broker{};      ///< `epoch`, `fenced` and `in_controlled_shutdown` are the controller's to say
  std::int16_t metadata_version_min = kMetadataLevel;
  std::int16_t metadata_version_max = kMetadataLevel;
  friend bool operator==(const RegisterBrokerRequest&, const RegisterBrokerRequest&) = default;
};
/// Errors: INCONSISTENT_CLUSTER_ID; DUPLICATE_BROKER_REGISTRATION: another live process has that id (same id, other
/// directories, and its session is not over); UNSUPPORTED_VERSION.
struct RegisterBrokerResponse {
  protocol::ErrorCode error_code = protocol::ErrorCode::none;
  std::string error_message{};
  BrokerEpoch epoch = kNoBrokerEpoch;
  friend bool operator==(const RegisterBrokerResponse&, const RegisterBrokerResponse&) = default;
};

/// A replica that its broker can't serve: its disk failed, or its log could not be opened.
struct OfflineReplica {
  Uuid topic_id{};
  PartitionId partition{};
  friend bool operator==(const OfflineReplica&, const OfflineReplica&) = default;
};

/// Sent every broker.heartbeat.interval.ms, and at once when something in it changes.
struct HeartbeatRequest {
  BrokerId id{};
  BrokerEpoch epoch = kNoBrokerEpoch;
  Offset metadata_offset{};  ///< its image's: it is unfenced once that shows its registration
  bool wants_fence = false;  ///< not ready to serve, or its disk hangs
  bool wants_shutdown = false;
  std::vector<Uuid> offline_directories{};  ///< of those it registered
  std::vector<OfflineReplica> offline_replicas{};
  friend bool operator==(const HeartbeatRequest&, const HeartbeatRequest&) = default;
};
/// Errors: STALE_BROKER_EPOCH: register anew; BROKER_ID_NOT_REGISTERED.
struct HeartbeatResponse {
  protocol::ErrorCode error_code = protocol::ErrorCode::none;
  bool caught_up = false;
  bool fenced = true;
  bool may_shut_down = false;  ///< it leads nothing any more that another could lead
  friend bool operator==(const HeartbeatResponse&, const HeartbeatResponse&) = default;
};

/// A leader wants another ISR (KIP-497, KIP-903, KIP-966).
struct AlterPartitionRequest {
  struct Member {
    BrokerId id{};
    BrokerEpoch epoch = kNoBrokerEpoch;  ///< as it fetches with; kNoBrokerEpoch: not checked
    friend bool operator==(const Member&, const Member&) = default;
  };
  struct Change {
    Uuid topic_id{};
    PartitionId partition{};
    LeaderEpoch leader_epoch{};
    PartitionEpoch partition_epoch{};  ///< that it knows
    std::vector<Member> isr{};
    LeaderRecovery recovery = LeaderRecovery::recovered;
    friend bool operator==(const Change&, const Change&) = default;
  };
  BrokerId broker{};
  BrokerEpoch broker_epoch = kNoBrokerEpoch;
  std::vector<Change> changes{};
  friend bool operator==(const AlterPartitionRequest&, const AlterPartitionRequest&) = default;
};
/// Errors of an item: NOT_LEADER_OR_FOLLOWER, FENCED_LEADER_EPOCH, INVALID_UPDATE_VERSION (its partition epoch is old),
/// INELIGIBLE_REPLICA, UNKNOWN_TOPIC_ID, INVALID_REQUEST. Of all: STALE_BROKER_EPOCH.
struct AlterPartitionResponse {
  struct Item {
    Uuid topic_id{};
    PartitionId partition{};
    protocol::ErrorCode error_code = protocol::ErrorCode::none;
    PartitionImage now{};  ///< what holds, where error_code is none
    friend bool operator==(const Item&, const Item&) = default;
  };
  protocol::ErrorCode error_code = protocol::ErrorCode::none;
  std::vector<Item> items{};
  friend bool operator==(const AlterPartitionResponse&, const AlterPartitionResponse&) = default;
};

/// A node that knows one address of the cluster and nothing else, or comes back: who it is to be.
struct JoinRequest {
  std::string cluster_id{};  ///< empty: none yet
  BrokerId node_id = kNoBroker;
  Uuid directory_id{};
  friend bool operator==(const JoinRequest&, const JoinRequest&) = default;
};
/// Errors: INCONSISTENT_CLUSTER_ID; DUPLICATE_BROKER_REGISTRATION: that id is a live other's.
struct JoinResponse {
  protocol::ErrorCode error_code = protocol::ErrorCode::none;
  std::string error_message{};
  std::string cluster_id{};
  BrokerId node_id = kNoBroker;
  friend bool operator==(const JoinResponse&, const JoinResponse&) = default;
};

}  // namespace sluice::broker::controller

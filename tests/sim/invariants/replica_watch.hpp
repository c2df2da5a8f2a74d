#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "broker/config/topic_settings.hpp"
#include "broker/replication/partition.hpp"
#include "broker/replication/partition_key.hpp"
#include "tests/sim/invariants/metadata_watch.hpp"
#include "tests/sim/world/network.hpp"
#include "tests/sim/world/trace.hpp"

namespace sluice::sim {

class Node;

/// The promises of ISR replication (the names are those of the TLA+ specifications of KIP-966 where they have one),
/// against a model of what every partition has committed: what was below the high watermark of a leader once.
class ReplicaWatch {
 public:
  using PartitionKey = broker::replication::PartitionKey;
  using Partition = broker::replication::Partition;

  ReplicaWatch(const MetadataWatch& metadata, broker::config::Durability durability)
      : metadata_(metadata), durability_(durability) {}

  /// After every event that may have touched the node's replicas.
  void check(Node& node);
  /// Its process is about to end. What its disk holds for sure is what it had synced, and where only the power would
  /// take more than that, and does not, all of it.
  void note_down(Node& node, bool loses_unsynced);
  void note_wiped(HostId node);
  /// A producer is told that everything below `end` is on all replicas that count.
  void check_acknowledged(Node& node, const Partition& partition, Offset end);
  /// A producer waits for its acknowledgement, by this replica.
  void note_waiting(Node& node, const Partition& partition);
  void note_answered(Node& node, const Partition& partition);
  /// Committed: who is in sync or eligible by that must have everything.
  void check_metadata(std::span<const broker::controller::MetadataRecord> records);
  /// Of keys that may lose what was acknowledged only what follows from no loss is checked.
  void allow_loss(const Uuid& topic_id) { lossy_.insert_or_assign(topic_id, true); }
  bool is_lossy(const Uuid& topic_id) const { return lossy_.contains(topic_id); }

  /// Replicas are byte for byte the same below the committed end. At the end of a run.
  void check_replicas_agree(const std::vector<Node*>& nodes) const;
  Offset committed_end(const PartitionKey& key) const;
  std::uint64_t committed_batches() const noexcept { return batches_; }
  std::uint64_t elections() const noexcept { return elections_; }

 private:
  struct Batch {
    Offset base;
    Offset next;
    LeaderEpoch epoch;
    std::uint32_t crc = 0;
    friend bool operator==(const Batch&, const Batch&) = default;
  };
  struct Seen {
    const Partition* life = nullptr;  // of the process that it was seen in
    LeaderEpoch epoch = kNoLeaderEpoch;
    bool led = false;
    Offset high_watermark = kNoOffset;
    Offset durable_end{0};  // when it was seen last
    bool tainted = false;   // its disk, or with durability=os what it had not synced, was lost: it is elsewhere
    bool is_back = false;   // tainted, and registered since
    int waiting = 0;        // for acknowledgements
  };
  struct Model {
    std::string name;
    std::map<LeaderEpoch, HostId> leaders;
    std::vector<Batch> committed;
    Offset end{0};
    std::map<HostId, Seen> seen;
  };

  Offset durable_end(const Partition& partition) const;
  void check(Node& node, Model& model, Partition& partition);
  void check_new_leader(Node& node, Model& model, Partition& partition, bool lossy);
  static void forget_what_is_lost(Model& model, const Partition& partition);
  void commit(Node& node, Model& model, Partition& partition, Offset to, bool lossy);
  void check_members_have(Node& node, const Model& model, const Partition& partition, Offset end,
                          const char* promise) const;
  void note_registered(HostId node);
  static std::optional<std::vector<Batch>> batches(const Partition& partition, Offset from, Offset to);
  void compare(HostId node, const Model& model, const Partition& partition, Offset from, Offset to,
               const char* promise) const;

  const MetadataWatch& metadata_;
  const broker::config::Durability durability_;
  std::map<PartitionKey, Model> models_;
  std::map<Uuid, bool> lossy_;
  std::uint64_t batches_ = 0;
  std::uint64_t elections_ = 0;
};

}  // namespace sluice::sim

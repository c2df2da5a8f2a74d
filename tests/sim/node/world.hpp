#pragma once

#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "broker/config/broker_config.hpp"
#include "broker/raft/raft_types.hpp"
#include "protocol/base/uuid.hpp"
#include "storage/fs/memory_file_system.hpp"
#include "tests/sim/node/settings.hpp"
#include "tests/sim/world/network.hpp"
#include "tests/sim/world/random.hpp"
#include "tests/sim/world/scheduler.hpp"
#include "tests/sim/world/trace.hpp"

namespace sluice::sim {

class Node;
class Watchers;

/// What all of a run's parts live in.
struct World {
  World(std::uint64_t seed, const Settings& settings, NetworkWeather weather);
  ~World();

  Uuid make_uuid();
  storage::MemoryFileSystem* make_disk(std::uint64_t file_bytes_max);
  Node& node(HostId id) { return *nodes.at(id); }
  /// Whether what was acknowledged of that topic may be lost.
  bool allows_loss(const Uuid& topic_id) const;

  /// All that ever were: events that are never called hold files of disks that were wiped, and of nodes that are gone.
  std::vector<std::unique_ptr<storage::MemoryFileSystem>> disks;
  Random random;
  const Settings settings;
  Scheduler scheduler;
  Trace trace;
  Network network;
  std::shared_ptr<const broker::config::BrokerConfig> config;
  std::map<HostId, std::unique_ptr<Node>> nodes;
  std::unique_ptr<Watchers> watchers;  ///< the invariants
  std::int64_t next_value = 1;         ///< of records
  /// Whether the node may lose now what it has not synced; a fault that was planned may come when it may not.
  std::function<bool(HostId)> may_lose_unsynced = [](HostId) { return true; };
};

}  // namespace sluice::sim

#pragma once

#include "tests/sim/invariants/metadata_watch.hpp"
#include "tests/sim/invariants/quorum_watch.hpp"
#include "tests/sim/invariants/replica_watch.hpp"
#include "tests/sim/node/node.hpp"
#include "tests/sim/node/settings.hpp"

namespace sluice::sim {

/// All invariants of a run.
class Watchers {
 public:
  explicit Watchers(const Settings& settings)
      : metadata(settings.min_in_sync), replicas(metadata, settings.durability) {}

  void on_wiped(Node& node) {
    quorum.lose(node.key());
    replicas.note_wiped(node.id());
  }

  QuorumWatch quorum;
  MetadataWatch metadata;
  ReplicaWatch replicas;
};

}  // namespace sluice::sim

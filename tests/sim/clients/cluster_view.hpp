#pragma once

#include <optional>
#include <string>
#include <vector>

#include "broker/controller/metadata_image.hpp"
#include "broker/replication/partition_key.hpp"
#include "tests/sim/clients/history.hpp"
#include "tests/sim/node/world.hpp"

namespace sluice::sim {

/// What a client knows of the cluster: some broker's image, asked for over the network, newer or older.
class ClusterView {
 public:
  ClusterView(World& world, HostId client) : world_(world), client_(client) {}

  /// Asks a broker by chance; `done` whether it answered or not.
  void refresh(std::function<void()> done);
  const broker::controller::PartitionImage* find(const broker::replication::PartitionKey& key) const;
  const broker::controller::MetadataImage* image() const noexcept { return image_.get(); }

 private:
  World& world_;
  const HostId client_;
  std::shared_ptr<const broker::controller::MetadataImage> image_;
};

/// A partition that clients work on.
struct Target {
  broker::replication::PartitionKey partition;
  Key key;
  friend bool operator==(const Target&, const Target&) = default;
};

}  // namespace sluice::sim

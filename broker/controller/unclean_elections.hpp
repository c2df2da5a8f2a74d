#pragma once

#include <string>
#include <vector>

#include "broker/controller/metadata_image.hpp"

namespace sluice::broker::controller {

/// A leader whose log is taken for the truth though it may lack what was acknowledged (KIP-966).
struct UncleanElection {
  std::string topic;
  PartitionId partition;
  BrokerId leader = kNoBroker;  ///< none: that it has to be, once it is back
  LeaderEpoch leader_epoch{};
  friend bool operator==(const UncleanElection&, const UncleanElection&) = default;
};

/// Those of one change: something may be lost from here on, which operators must be told.
std::vector<UncleanElection> unclean_elections(const MetadataDelta& delta);

}  // namespace sluice::broker::controller

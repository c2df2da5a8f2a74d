#pragma once

#include "protocol/messages/describe_quorum.hpp"
#include "tools/cli/failure.hpp"

namespace sluice::tools {

class ClusterClient;

/// The metadata quorum, as its leader sees it.
Outcome<protocol::DescribeQuorumResponse::PartitionData> describe_quorum(ClusterClient& cluster);

}  // namespace sluice::tools

#include <algorithm>
#include <fmt/format.h>
#include <limits>

#include "broker/controller/cluster_state.hpp"
#include "protocol/base/clipped.hpp"

namespace sluice::broker::controller {
namespace {

using protocol::ErrorCode;

bool owns(const BrokerImage& broker, const Uuid& directory) {
  return std::ranges::find(broker.directories, directory) != broker.directories.end();
}

JoinResponse refused(ErrorCode code, std::string message) {
  return {.error_code = code, .error_message = std::move(message)};
}

}  // namespace

Decision<JoinResponse> ClusterState::handle(const JoinRequest& request, const Circumstances& is) const {
  Decision<JoinResponse> decision;
  if (!request.cluster_id.empty() && request.cluster_id != image_.cluster_id()) {
    decision.response = refused(ErrorCode::inconsistent_cluster_id,
                                fmt::format("The node belongs to cluster {}, and this is cluster {}.",
                                            clipped(request.cluster_id), image_.cluster_id()));
    return decision;
  }
  auto& response = decision.response;
  response.cluster_id = image_.cluster_id();
  if (request.node_id != kNoBroker) {
    const auto* known = image_.find_broker(request.node_id);
    if (known != nullptr && !known->directories.empty() && !owns(*known, request.directory_id) && !known->fenced &&
        is.has_session(known->id)) {
      response = refused(ErrorCode::duplicate_broker_registration,
                         fmt::format("Another node {} with other data directories is alive.", known->id.value()));
      return decision;
    }
    response.node_id = request.node_id;
    if (request.node_id >= image_.next_node_id() &&
        request.node_id.value() < std::numeric_limits<std::int32_t>::max()) {
      decision.records.emplace_back(NodeIdsRecord{BrokerId{request.node_id.value() + 1}});
    }
    return decision;
  }
  // Known disks that forgot who they are, or an answer that was lost after the registration.
  const auto known = std::ranges::find_if(
      image_.brokers(), [&](const BrokerImage& broker) { return owns(broker, request.directory_id); });
  if (known != image_.brokers().end()) {
    response.node_id = known->id;
    return decision;
  }
  auto id = image_.next_node_id();
  while (id.value() < std::numeric_limits<std::int32_t>::max() && (image_.find_broker(id) || is.is_in_quorum(id))) {
    id = BrokerId{id.value() + 1};
  }
  if (id.value() == std::numeric_limits<std::int32_t>::max()) {
    response = refused(ErrorCode::invalid_request, "There are no node ids left: give the node one by hand.");
    return decision;
  }
  response.node_id = id;
  decision.records.emplace_back(NodeIdsRecord{BrokerId{id.value() + 1}});
  return decision;
}

}  // namespace sluice::broker::controller

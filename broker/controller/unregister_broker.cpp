#include <algorithm>
#include <fmt/format.h>

#include "broker/controller/cluster_state.hpp"

namespace sluice::broker::controller {

using protocol::ErrorCode;

/// KIP-746. As in Kafka any broker goes, whatever it holds; one that lives registers anew with its next heartbeat.
Decision<protocol::UnregisterBrokerResponse> ClusterState::handle(
    const protocol::UnregisterBrokerRequest& request) const {
  Decision<protocol::UnregisterBrokerResponse> decision;
  const auto* broker = image_.find_broker(request.broker_id);
  decision.response.error_message = std::nullopt;
  if (broker == nullptr) {
    decision.response.error_code = ErrorCode::broker_id_not_registered;
    decision.response.error_message = fmt::format("No broker {} is registered.", request.broker_id.value());
    return decision;
  }
  decision.records = fence(request.broker_id);
  // Its registration goes in one record: the one that would fence it says nothing beside that.
  std::erase_if(decision.records,
                [](const MetadataRecord& record) { return std::holds_alternative<BrokerRecord>(record); });
  decision.records.emplace_back(RemoveBrokerRecord{request.broker_id});
  return decision;
}

}  // namespace sluice::broker::controller

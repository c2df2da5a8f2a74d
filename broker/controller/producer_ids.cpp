#include "broker/controller/cluster_state.hpp"

namespace sluice::broker::controller {
namespace {

constexpr std::int32_t kBlockIds = 1000;  // as Kafka's: a block given up at a restart is no loss among 2^63

}  // namespace

Decision<protocol::AllocateProducerIdsResponse> ClusterState::handle(
    const protocol::AllocateProducerIdsRequest& request) const {
  Decision<protocol::AllocateProducerIdsResponse> decision;
  if (image_.find_broker(request.broker_id) == nullptr) {
    decision.response.error_code = protocol::ErrorCode::broker_id_not_registered;
    return decision;
  }
  const auto start = image_.next_producer_id();
  decision.response.producer_id_start = start;
  decision.response.producer_id_len = kBlockIds;
  decision.records.push_back(ProducerIdsRecord{ProducerId{start.value() + kBlockIds}});
  return decision;
}

}  // namespace sluice::broker::controller

#include "protocol/messages/list_partition_reassignments.hpp"

#include "broker/api/handler.hpp"

namespace sluice::broker::api {

/// Api key 46 (KIP-455). Replicas stay on the brokers they were created on: nothing is ever on its way.
template <>
void handle<protocol::ListPartitionReassignments>(protocol::ListPartitionReassignmentsRequest& /*request*/,
                                                  RequestContext& /*context*/,
                                                  Respond<protocol::ListPartitionReassignmentsResponse> respond) {
  protocol::ListPartitionReassignmentsResponse response;
  response.error_message.reset();
  respond(response);
}

}  // namespace sluice::broker::api

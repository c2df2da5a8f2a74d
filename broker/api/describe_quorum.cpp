#include "protocol/messages/describe_quorum.hpp"

#include "broker/api/answer_with.hpp"
#include "broker/api/handler.hpp"
#include "broker/controller/controller_request.hpp"
#include "broker/services.hpp"

namespace sluice::broker::api {

namespace {

constexpr std::int16_t kFirstWithDirectories = 2;  // KIP-853

void leave_out_directories(protocol::DescribeQuorumResponse& response) {
  response.nodes.clear();
  for (auto& topic : response.topics) {
    for (auto& partition : topic.partitions) {
      for (auto& voter : partition.current_voters) voter.replica_directory_id = {};
      for (auto& observer : partition.observers) observer.replica_directory_id = {};
    }
  }
}

}  // namespace

/// Api key 55. Who leads the metadata quorum, and how far its voters and observers have come (KIP-595, KIP-836,
/// KIP-853).
template <>
void handle<protocol::DescribeQuorum>(protocol::DescribeQuorumRequest& request, RequestContext& context,
                                      Respond<protocol::DescribeQuorumResponse> respond) {
  const auto version = context.api_version;
  auto answer = answer_with(std::move(respond));
  controller::call(context.services.controller, std::move(request),
                   [answer, version](protocol::DescribeQuorumResponse response) {
                     if (version < kFirstWithDirectories) leave_out_directories(response);
                     answer(response);
                   });
}

}  // namespace sluice::broker::api

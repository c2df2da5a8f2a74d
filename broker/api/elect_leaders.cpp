#include "protocol/messages/elect_leaders.hpp"

#include "broker/api/answer_with.hpp"
#include "broker/api/handler.hpp"
#include "broker/controller/controller_request.hpp"
#include "broker/services.hpp"

namespace sluice::broker::api {

/// Api key 43. Elects preferred leaders, or any replica where data loss is accepted (KIP-460). Version 0 has no place
/// for an error of the whole: it is told of every partition.
template <>
void handle<protocol::ElectLeaders>(protocol::ElectLeadersRequest& request, RequestContext& context,
                                    Respond<protocol::ElectLeadersResponse> respond) {
  const auto version = context.api_version;
  auto answer = answer_with(std::move(respond));
  controller::call(
      context.services.controller, std::move(request), [answer, version](protocol::ElectLeadersResponse response) {
        const auto error = version == 0 ? std::exchange(response.error_code, {}) : protocol::ErrorCode::none;
        for (auto& topic : response.replica_election_results) {
          for (auto& partition : topic.partition_result) {
            if (partition.error_code == protocol::ErrorCode::none) partition.error_code = error;
          }
        }
        answer(response);
      });
}

}  // namespace sluice::broker::api

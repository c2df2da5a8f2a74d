#include "protocol/messages/init_producer_id.hpp"

#include <limits>
#include <memory>

#include "broker/api/handler.hpp"
#include "broker/producer_ids.hpp"
#include "broker/services.hpp"

namespace sluice::broker::api {

using protocol::ErrorCode;
using protocol::InitProducerIdRequest;
using protocol::InitProducerIdResponse;

/// API 22. A producer id for an idempotent producer; with the id it has, the next epoch of it (KIP-360). Transactional
/// ids need the transaction coordinator, which this broker does not have: it says so in the one way that every client
/// takes for final.
template <>
void handle<protocol::InitProducerId>(InitProducerIdRequest& request, RequestContext& context,
                                      Respond<InitProducerIdResponse> respond) {
  InitProducerIdResponse response;
  response.producer_id = kNoProducerId;
  response.producer_epoch = kNoProducerEpoch;
  if (request.transactional_id) {
    response.error_code =
        request.transactional_id->empty() ? ErrorCode::invalid_request : ErrorCode::unsupported_version;
    return respond(response);
  }
  const bool names_one = request.producer_id != kNoProducerId;
  if (names_one != (request.producer_epoch != kNoProducerEpoch)) {
    response.error_code = ErrorCode::invalid_request;
    return respond(response);
  }
  if (names_one && request.producer_epoch.value() < std::numeric_limits<std::int16_t>::max() - 1) {
    response.producer_id = request.producer_id;
    response.producer_epoch = ProducerEpoch{static_cast<std::int16_t>(request.producer_epoch.value() + 1)};
    return respond(response);
  }
  const auto answer = std::make_shared<Respond<InitProducerIdResponse>>(std::move(respond));
  context.services.producer_ids.next([answer, response](ErrorCode error, ProducerId id) mutable {
    response.error_code = error;
    response.producer_id = id;
    response.producer_epoch = error == ErrorCode::none ? ProducerEpoch{0} : kNoProducerEpoch;
    (*answer)(response);
  });
}

}  // namespace sluice::broker::api

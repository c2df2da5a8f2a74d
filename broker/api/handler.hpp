#pragma once

#include "broker/server/request_context.hpp"
#include "broker/server/respond.hpp"

namespace sluice::broker::api {

/// Answers one request: translates it for the part of the broker that decides, and the decision back. One
/// specialisation per API, each in a file of its own; owns no state. Runs on the connection's thread and must not
/// block. The `records` of `request` point into the receive buffer and are valid only until the call returns.
template <class Api>
void handle(typename Api::Request& request, RequestContext& context, Respond<typename Api::Response> respond);

}  // namespace sluice::broker::api

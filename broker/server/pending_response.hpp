#pragma once

#include "broker/server/response_queue.hpp"
#include "protocol/base/bytes.hpp"

namespace sluice::broker {

class Connection;
struct Services;

/// Parses a frame's header, opens its response slot and calls the API's handler. Returns what is wrong with the frame,
/// or nullptr.
const char* start_request(Connection& connection, Services& services, ResponseQueue& responses, MutableBytes frame);

}  // namespace sluice::broker

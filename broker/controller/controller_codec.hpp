#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "broker/controller/controller_request.hpp"
#include "protocol/base/bytes.hpp"

namespace sluice::broker::controller {

/// More than this is not looked at.
inline constexpr std::size_t kControllerMessageBytesMax = std::size_t{64} << 20;

/// As broker_calls.proto serializes them. A request of Kafka's is written in the newest version that can carry it.
std::string encode(const ControllerRequest& request);
std::string encode(const ControllerResponse& response);

/// nullopt: not one of ours, or of a version this one doesn't know.
std::optional<ControllerRequest> decode_request(ByteView bytes);
std::optional<ControllerResponse> decode_response(ByteView bytes);

}  // namespace sluice::broker::controller

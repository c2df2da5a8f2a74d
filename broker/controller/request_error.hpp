#pragma once

#include <optional>
#include <string>

#include "protocol/error_code.hpp"

namespace sluice::broker::controller {

/// Why one item of a request is refused. The message says what would be right.
struct RequestError {
  protocol::ErrorCode code = protocol::ErrorCode::none;
  std::string message;
};

/// nullopt: not refused.
using Refusal = std::optional<RequestError>;

}  // namespace sluice::broker::controller

#pragma once

#include <boost/system/result.hpp>
#include <string>

#include "protocol/error_code.hpp"
#include "tools/cli/exit_status.hpp"

namespace sluice::tools {

/// Why a command failed, for a person: what happened, what was tried, what came back, what to do next. The last three
/// may be empty.
struct Failure {
  ExitStatus status = ExitStatus::failed;
  std::string message{};
  std::string tried{};
  std::string answer{};
  std::string next{};
  protocol::ErrorCode code = protocol::ErrorCode::none;  ///< none when no broker answered
};

template <class T = void>
using Outcome = boost::system::result<T, Failure>;

}  // namespace sluice::tools

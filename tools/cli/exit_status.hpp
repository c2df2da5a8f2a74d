#pragma once

namespace sluice::tools {

/// What the process ends with; scripts rely on the numbers.
enum class ExitStatus {
  done = 0,
  failed = 1,
  usage = 2,
  not_found = 3,
  unreachable = 5,    ///< or timed out
  partly_failed = 6,  ///< some items failed, each listed
  refused = 7,        ///< needs --yes
  check_failed = 8,   ///< what was to hold does not
};

}  // namespace sluice::tools

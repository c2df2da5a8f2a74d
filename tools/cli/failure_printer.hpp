#pragma once

#include "tools/cli/failure.hpp"
#include "tools/cli/globals.hpp"

namespace sluice::tools {

/// On standard error: lines for a person, or one JSON object where the output is JSON.
void print_failure(const Failure& failure, OutputFormat format);

}  // namespace sluice::tools

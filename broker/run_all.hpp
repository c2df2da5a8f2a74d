#pragma once

#include <functional>
#include <vector>

namespace sluice::broker {

/// Runs every job, up to `threads` at a time, and returns when all are done.
void run_all(std::vector<std::function<void()>> jobs, std::size_t threads);

}  // namespace sluice::broker

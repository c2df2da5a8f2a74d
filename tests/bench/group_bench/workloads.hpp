#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tests/bench/group_bench/options.hpp"

namespace sluice::bench {

/// What a workload found, by name.
using Figures = std::vector<std::pair<std::string, double>>;

/// Many small groups: until all are stable, then as they keep themselves alive.
Figures run_groups(const Options& options);
/// One large group: a member joins, a member leaves, each until all have come to rest.
Figures run_rebalance(const Options& options);
/// Commits of one offset each, half of them by members and half without membership: in an open loop at a given rate,
/// whose latencies count from when each was due, then as many as the server takes.
Figures run_commits(const Options& options);
/// As many groups as asked for commit an offset for each partition.
Figures run_write(const Options& options);
/// What `run_write` wrote, from a server that was started at `options.started` and may not listen yet.
Figures run_read(const Options& options);

inline double seconds_between(auto from, auto to) { return std::chrono::duration<double>(to - from).count(); }

/// The element that is larger than `share` of the others. Sorts.
double percentile(std::vector<double>& values, double share);

}  // namespace sluice::bench

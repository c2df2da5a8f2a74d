#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <prometheus/metric_family.h>
#include <vector>

#include "broker/group/group_census.hpp"
#include "broker/metrics/counter.hpp"
#include "broker/metrics/histogram.hpp"

namespace sluice::broker::metrics {

/// What is counted for groups. Part of BrokerMetrics, whose rules hold.
struct GroupMetrics {
  Counter offset_commits_total;       ///< offsets, each partition of a commit
  Histogram offset_commit_latency;    ///< from a commit's arrival at its coordinator until it is in all logs that count
  Counter classic_rebalances_total;   ///< generations whose assignment was stored
  Counter consumer_rebalances_total;  ///< group epochs
  Histogram load_latency;             ///< of one partition of __consumer_offsets, until its groups can be asked for
  Counter loaded_records_total;
  Counter expired_offsets_total;

  /// `source` is called on the scraping thread. Pass an empty function before what it reads goes away: this waits for a
  /// scrape in progress.
  void count_with(std::function<group::GroupCensus()> source);

  void collect(std::vector<prometheus::MetricFamily>& families) const;

 private:
  void collect_census(std::vector<prometheus::MetricFamily>& families) const;

  mutable std::mutex mutex_;
  std::function<group::GroupCensus()> census_;
};

}  // namespace sluice::broker::metrics

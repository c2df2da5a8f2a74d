#pragma once

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>
#include <vector>

namespace sluice::broker::metrics {

/// What the kernel says of this process, read from /proc at every scrape, under the names that Prometheus' own client
/// libraries use (`process_*`). What can't be read is left out.
class ProcessMetrics final : public prometheus::Collectable {
 public:
  std::vector<prometheus::MetricFamily> Collect() const override;
};

}  // namespace sluice::broker::metrics

#pragma once

#include <prometheus/metric_family.h>
#include <string>
#include <string_view>
#include <vector>

#include "broker/metrics/histogram.hpp"

namespace sluice::broker::metrics {

using Labels = std::vector<prometheus::ClientMetric::Label>;

/// A family under construction: the metrics of one name, one a set of labels. Values are read when they are added.
class Family {
 public:
  Family(std::string_view name, std::string_view help, prometheus::MetricType type);

  static Family counter(std::string_view name, std::string_view help);
  static Family gauge(std::string_view name, std::string_view help);
  static Family histogram(std::string_view name, std::string_view help);

  /// Of a counter or a gauge.
  Family& add(double value, Labels labels = {});
  /// Of a histogram.
  Family& add(const Histogram::Snapshot& snapshot, Labels labels = {});

  /// Appends this family to `families`, unless it has no metric.
  void move_to(std::vector<prometheus::MetricFamily>& families);

 private:
  prometheus::MetricFamily family_;
};

}  // namespace sluice::broker::metrics

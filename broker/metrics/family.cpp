#include "broker/metrics/family.hpp"

#include <chrono>
#include <limits>

#include "protocol/base/assert.hpp"

namespace sluice::broker::metrics {
namespace {

double to_seconds(std::chrono::nanoseconds duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace

Family::Family(std::string_view name, std::string_view help, prometheus::MetricType type) {
  family_.name = name;
  family_.help = help;
  family_.type = type;
}

Family Family::counter(std::string_view name, std::string_view help) {
  return {name, help, prometheus::MetricType::Counter};
}

Family Family::gauge(std::string_view name, std::string_view help) {
  return {name, help, prometheus::MetricType::Gauge};
}

Family Family::histogram(std::string_view name, std::string_view help) {
  return {name, help, prometheus::MetricType::Histogram};
}

Family& Family::add(double value, Labels labels) {
  SLUICE_ASSERT(family_.type != prometheus::MetricType::Histogram, family_.name);
  auto& metric = family_.metric.emplace_back();
  metric.label = std::move(labels);
  (family_.type == prometheus::MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
  return *this;
}

Family& Family::add(const Histogram::Snapshot& snapshot, Labels labels) {
  SLUICE_ASSERT(family_.type == prometheus::MetricType::Histogram, family_.name);
  auto& metric = family_.metric.emplace_back();
  metric.label = std::move(labels);
  metric.histogram.sample_sum = to_seconds(snapshot.sum);
  std::uint64_t cumulative = 0;
  for (std::size_t bucket = 0; bucket < Histogram::kBuckets; ++bucket) {
    cumulative += snapshot.counts[bucket];
    const auto bound =
        bucket < kLatencyBounds.size() ? to_seconds(kLatencyBounds[bucket]) : std::numeric_limits<double>::infinity();
    metric.histogram.bucket.push_back({.cumulative_count = cumulative, .upper_bound = bound});
  }
  metric.histogram.sample_count = cumulative;
  return *this;
}

void Family::move_to(std::vector<prometheus::MetricFamily>& families) {
  if (!family_.metric.empty()) families.push_back(std::move(family_));
}

}  // namespace sluice::broker::metrics

#pragma once

#include "broker/metrics/broker_metrics.hpp"
#include "storage/log_manager.hpp"

namespace sluice::broker::integrity {

/// From here on each damaged range of a log is told once, with its file, position and offsets, and counted; and the
/// gauges of what is damaged now ask `logs`, which outlives the metrics' last scrape. Before logs are opened.
void report_damage(storage::LogManager& logs, metrics::BrokerMetrics& metrics);

}  // namespace sluice::broker::integrity

#pragma once

#include "protocol/base/ids.hpp"

namespace sluice::broker::metrics {
struct BrokerMetrics;
}

namespace sluice::broker::replication {

class PartitionTable;

/// One pass over all logs, every `log.retention.check.interval.ms`: rolls active segments that are older than
/// `segment.ms`, forgets idempotent producers that fell silent, and deletes what is past `retention.ms` and
/// `retention.bytes` where `cleanup.policy` has `delete`. Costs an idle partition a few loads.
void run_log_upkeep(const PartitionTable& partitions, Timestamp now, metrics::BrokerMetrics& metrics);

}  // namespace sluice::broker::replication

#include "broker/replication/log_upkeep.hpp"

#include <spdlog/spdlog.h>

#include "broker/metrics/broker_metrics.hpp"
#include "broker/replication/partition_table.hpp"

namespace sluice::broker::replication {
namespace {

void complain(const Partition& partition, const char* what, std::error_code error) {
  if (error == storage::Errc::log_offline) return;  // was told of when it went
  spdlog::error("partition={} {}: {}", partition.name().to_string(), what, error.message());
}

void delete_old_segments(Partition& partition, const config::TopicSettings& settings, Timestamp now,
                         metrics::BrokerMetrics& metrics) {
  const storage::RetentionLimits limits{settings.retention_ms, settings.retention_bytes};
  const auto deleted = partition.log().delete_old_segments(limits, partition.high_watermark(), now);
  if (!deleted) return complain(partition, "old segments can't be deleted", deleted.error());
  if (deleted->segments == 0) return;
  metrics.retention_deleted_bytes_total.add(deleted->bytes);
  spdlog::info("partition={} retention segments_deleted={} bytes_deleted={} log_start_offset={}",
               partition.name().to_string(), deleted->segments, deleted->bytes, partition.log_start_offset().value());
}

}  // namespace

void run_log_upkeep(const PartitionTable& partitions, Timestamp now, metrics::BrokerMetrics& metrics) {
  partitions.for_each([&](const std::shared_ptr<Partition>& partition) {
    if (const auto rolled = partition->log().roll_if_due(now); !rolled) {
      complain(*partition, "the active segment can't be rolled", rolled.error());
    }
    const auto settings = partition->settings();
    if (settings->cleanup_delete) delete_old_segments(*partition, *settings, now, metrics);
  });
}

}  // namespace sluice::broker::replication

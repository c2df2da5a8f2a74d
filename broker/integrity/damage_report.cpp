#include "broker/integrity/damage_report.hpp"

#include <spdlog/spdlog.h>

#include "storage/segment/segment_name.hpp"

namespace sluice::broker::integrity {
namespace {

template <class Count>
double sum_of(const storage::LogManager& logs, Count count) {
  std::size_t sum = 0;
  logs.for_each([&](const TopicPartition&, const std::shared_ptr<storage::Log>& log, const std::string&) {
    sum += count(log->damage().size());
  });
  return static_cast<double>(sum);
}

}  // namespace

void report_damage(storage::LogManager& logs, metrics::BrokerMetrics& metrics) {
  logs.on_damage([&metrics](const std::string& directory, const storage::DamagedRange& range) {
    metrics.log_damage_found_total.add();
    const auto name = directory.substr(directory.find_last_of('/') + 1);
    spdlog::error(
        "partition={} file={} position={} bytes={} offset={} next_readable_offset={}: damaged, these records are not "
        "served",
        name, storage::segment_path(directory, range.segment_base, storage::suffix::kLog), range.position,
        range.end_position - range.position, range.first_offset.value(), range.next_offset.value());
  });
  metrics.log_damaged_ranges.pull_from([&logs] { return sum_of(logs, [](std::size_t ranges) { return ranges; }); });
  metrics.log_damaged_partitions.pull_from(
      [&logs] { return sum_of(logs, [](std::size_t ranges) { return ranges > 0 ? std::size_t{1} : 0; }); });
}

}  // namespace sluice::broker::integrity

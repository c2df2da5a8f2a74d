#include "broker/metrics/broker_metrics.hpp"

#include <fmt/format.h>
#include <optional>

#include "broker/metrics/family.hpp"
#include "protocol/base/assert.hpp"
#include "protocol/peer/peer_apis.hpp"

namespace sluice::broker::metrics {
namespace {

using Families = std::vector<prometheus::MetricFamily>;

void collect_gauge(Families& families, const char* name, const char* help, const PulledGauge& gauge) {
  if (const auto value = gauge.value()) Family::gauge(name, help).add(*value).move_to(families);
}

void collect_gauge(Families& families, const char* name, const char* help, const Gauge& gauge) {
  Family::gauge(name, help).add(static_cast<double>(gauge.value())).move_to(families);
}

void collect_counter(Families& families, const char* name, const char* help, const Counter& counter) {
  Family::counter(name, help).add(static_cast<double>(counter.value())).move_to(families);
}

void collect_histogram(Families& families, const char* name, const char* help, const Histogram& histogram) {
  Family::histogram(name, help).add(histogram.snapshot()).move_to(families);
}

}  // namespace

BrokerMetrics::BrokerMetrics(std::span<const NumberName> apis, std::span<const NumberName> errors,
                             std::string_view version)
    : unknown_(std::make_unique<ApiSlot>()), version_(version) {
  unknown_->name = "unknown";
  for (const auto& [key, name] : apis) {
    const auto index = index_of(key);
    SLUICE_ASSERT(index, key, name);
    auto& slot = slots_[*index];
    slot = std::make_unique<ApiSlot>();
    slot->name = name;
  }
  for (const auto& [code, name] : errors) {
    SLUICE_ASSERT(code >= kFirstErrorCode && code - kFirstErrorCode < static_cast<int>(kErrorCodes), code, name);
    error_names_[static_cast<std::size_t>(code - kFirstErrorCode)] = name;
  }
}

std::optional<std::size_t> BrokerMetrics::index_of(std::int16_t key) noexcept {
  if (key >= 0 && key <= kLastApiKey) return static_cast<std::size_t>(key);
  const auto of_peers = key - protocol::kFirstPeerKey;
  if (of_peers < 0 || of_peers >= kPeerApis) return std::nullopt;
  return static_cast<std::size_t>(kLastApiKey + 1 + of_peers);
}

BrokerMetrics::ApiSlot& BrokerMetrics::slot_of(std::int16_t key) const noexcept {
  const auto index = index_of(key);
  return index && slots_[*index] ? *slots_[*index] : *unknown_;
}

void BrokerMetrics::count_error(std::int16_t key, std::int16_t code) noexcept {
  if (code == 0) return;
  SLUICE_ASSERT(code >= kFirstErrorCode && code - kFirstErrorCode < static_cast<int>(kErrorCodes), code);
  slot_of(key).errors[static_cast<std::size_t>(code - kFirstErrorCode)].fetch_add(1, std::memory_order_relaxed);
}

void BrokerMetrics::collect_apis(Families& families) const {
  auto requests = Family::counter("sluice_requests_total", "Requests received.");
  auto request_bytes = Family::counter("sluice_request_bytes_total", "Bytes of requests received.");
  auto response_bytes = Family::counter("sluice_response_bytes_total", "Bytes of responses sent.");
  auto latency = Family::histogram("sluice_request_latency_seconds", "Time from a request's arrival to its response.");
  const auto add = [&](const ApiSlot& slot) {
    const Labels labels{{"api", slot.name}};
    requests.add(static_cast<double>(slot.metrics.requests.value()), labels);
    request_bytes.add(static_cast<double>(slot.metrics.request_bytes.value()), labels);
    response_bytes.add(static_cast<double>(slot.metrics.response_bytes.value()), labels);
    latency.add(slot.metrics.latency.snapshot(), labels);
  };
  for (const auto& slot : slots_) {
    if (slot) add(*slot);
  }
  add(*unknown_);
  for (auto* family : {&requests, &request_bytes, &response_bytes, &latency}) family->move_to(families);
}

void BrokerMetrics::collect_errors(Families& families) const {
  auto family = Family::counter("sluice_request_errors_total", "Errors answered, by API and error code.");
  const auto add = [&](const ApiSlot& slot) {
    for (std::size_t index = 0; index < kErrorCodes; ++index) {
      const auto count = slot.errors[index].load(std::memory_order_relaxed);
      if (count == 0) continue;
      const auto& name = error_names_[index];
      const auto error = name.empty() ? fmt::format("{}", static_cast<int>(index) + kFirstErrorCode) : name;
      family.add(static_cast<double>(count), {{"api", slot.name}, {"error", error}});
    }
  };
  for (const auto& slot : slots_) {
    if (slot) add(*slot);
  }
  add(*unknown_);
  family.move_to(families);
}

std::vector<prometheus::MetricFamily> BrokerMetrics::Collect() const {
  Families families;
  Family::gauge("sluice_build_info", "Always 1; the labels say what is running.")
      .add(1, {{"version", version_}})
      .move_to(families);
  collect_apis(families);
  collect_errors(families);
  collect_gauge(families, "sluice_connections", "Client connections open now.", connections);
  collect_counter(families, "sluice_connections_total", "Client connections accepted.", connections_total);
  collect_counter(families, "sluice_connections_rejected_total", "Client connections refused by a limit.",
                  connections_rejected_total);
  collect_counter(families, "sluice_malformed_frames_total", "Frames that closed their connection.",
                  malformed_frames_total);
  collect_gauge(families, "sluice_request_memory_bytes", "Memory that requests in progress hold.",
                request_memory_bytes);
  collect_counter(families, "sluice_produced_bytes_total", "Bytes of record batches appended for producers.",
                  produced_bytes_total);
  collect_counter(families, "sluice_retention_deleted_bytes_total", "Bytes of segments deleted by age or size.",
                  retention_deleted_bytes_total);
  collect_counter(families, "sluice_fetched_bytes_total", "Bytes of record batches sent to consumers.",
                  fetched_bytes_total);
  collect_histogram(families, "sluice_log_sync_latency_seconds", "Time a sync of a log to disk took.",
                    log_sync_latency);
  collect_histogram(families, "sluice_event_loop_lag_seconds", "How late a timer of an io thread fired.",
                    event_loop_lag);
  collect_counter(families, "sluice_cold_reads_total", "Fetches that were read by a background thread.",
                  cold_reads_total);
  collect_counter(families, "sluice_cold_read_bytes_total", "Bytes of records brought into memory for such fetches.",
                  cold_read_bytes_total);
  collect_histogram(families, "sluice_cold_read_latency_seconds",
                    "Time such a read took, its wait for a thread included.", cold_read_latency);
  collect_counter(families, "sluice_log_damage_found_total", "Damaged ranges found in log files.",
                  log_damage_found_total);
  collect_gauge(families, "sluice_log_damaged_ranges", "Ranges of log files that can't be read.", log_damaged_ranges);
  collect_gauge(families, "sluice_log_damaged_partitions", "Partitions with such a range.", log_damaged_partitions);
  collect_counter(families, "sluice_scrubbed_bytes_total",
                  "Bytes of sealed segments re-read from the disk and checked.", scrubbed_bytes_total);
  PulledGauge last_pass;
  last_pass.pull_from(
      [this] { return static_cast<double>(scrub_last_pass_ms.load(std::memory_order_relaxed)) / 1000; });
  collect_gauge(families, "sluice_scrub_last_pass_timestamp_seconds",
                "When a scrub of all logs last ended, since 1970; 0 before the first.", last_pass);
  collect_counter(families, "sluice_log_cleaner_read_bytes_total", "Bytes that compaction read.",
                  cleaner_read_bytes_total);
  collect_counter(families, "sluice_log_cleaner_written_bytes_total", "Bytes that compaction wrote.",
                  cleaner_written_bytes_total);
  collect_counter(families, "sluice_log_cleaner_passes_total", "Passes of compaction over a log.",
                  cleaner_passes_total);
  collect_gauge(families, "sluice_log_cleaner_last_ratio", "Bytes after the last pass, by those before.",
                cleaner_last_ratio);
  collect_gauge(families, "sluice_log_cleaner_backlog_bytes", "Bytes of logs that wait for compaction.",
                cleaner_backlog_bytes);
  collect_gauge(families, "sluice_log_cleaner_backlog_partitions", "Partitions that wait for compaction.",
                cleaner_backlog_partitions);
  collect_gauge(families, "sluice_log_cleaner_uncleanable_partitions", "Partitions whose compaction failed.",
                cleaner_uncleanable_partitions);
  collect_gauge(families, "sluice_log_cleaner_seconds_since_last", "Since the end of the last pass.",
                cleaner_seconds_since_last);
  collect_gauge(families, "sluice_partitions", "Partitions that this broker holds a replica of.", partitions);
  collect_gauge(families, "sluice_log_size_bytes", "Bytes of all logs on disk.", log_size_bytes);
  collect_gauge(families, "sluice_log_directories_offline", "Data directories that failed or could not be opened.",
                log_directories_offline);
  collect_gauge(families, "sluice_log_directories_full", "Data directories whose disk has no room for records.",
                log_directories_full);
  groups.collect(families);
  return families;
}

}  // namespace sluice::broker::metrics

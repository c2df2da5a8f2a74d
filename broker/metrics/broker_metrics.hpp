#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/metrics/counter.hpp"
#include "broker/metrics/gauge.hpp"
#include "broker/metrics/group_metrics.hpp"
#include "broker/metrics/histogram.hpp"

namespace sluice::broker::metrics {

/// An API key or error code, and its name as a label value.
using NumberName = std::pair<std::int16_t, std::string_view>;

/// What is counted for each API.
struct ApiMetrics {
  Counter requests;        ///< received
  Counter request_bytes;   ///< with their size fields
  Counter response_bytes;  ///< with their size fields
  Histogram latency;       ///< from the last byte of the request to the first byte of the response on its way
};

/// The metrics of one broker, exposed as `sluice_*`. Whoever causes an event adds to the member that counts it: lock
/// free, from any thread. What is unused is exposed as zero, except errors and pulled gauges, which appear once known.
struct BrokerMetrics final : public prometheus::Collectable {
  /// API keys lie in 0..94 (KIP-932's are the last), or are those of protocol/peer/peer_apis.hpp; a key without a name
  /// is counted as `unknown`. `apis` and `errors` are copied.
  BrokerMetrics(std::span<const NumberName> apis, std::span<const NumberName> errors, std::string_view version);

  /// Of `key`, which may be anything a client sent.
  ApiMetrics& api(std::int16_t key) noexcept { return slot_of(key).metrics; }

  /// Counts an error that an answer to `key` carries, whole or for one item; 0 is no error and not counted.
  void count_error(std::int16_t key, std::int16_t code) noexcept;

  std::vector<prometheus::MetricFamily> Collect() const override;

  Gauge connections;
  Counter connections_total;
  Counter connections_rejected_total;
  Counter malformed_frames_total;
  PulledGauge request_memory_bytes;
  Counter produced_bytes_total;
  Counter fetched_bytes_total;
  Counter retention_deleted_bytes_total;
  Histogram log_sync_latency;
  Histogram event_loop_lag;
  Counter cold_reads_total;
  Counter cold_read_bytes_total;
  Histogram cold_read_latency;     ///< from the look that found records missing in memory to the end of reading them
  Counter log_damage_found_total;  ///< ranges of a log's file, each once
  PulledGauge log_damaged_ranges;
  PulledGauge log_damaged_partitions;
  Counter scrubbed_bytes_total;
  std::atomic<std::int64_t> scrub_last_pass_ms{0};  ///< when a scrub of all logs last ended, since 1970; 0: never
  Counter cleaner_read_bytes_total;
  Counter cleaner_written_bytes_total;
  Counter cleaner_passes_total;
  PulledGauge cleaner_last_ratio;
  PulledGauge cleaner_backlog_bytes;
  PulledGauge cleaner_backlog_partitions;
  PulledGauge cleaner_uncleanable_partitions;
  PulledGauge cleaner_seconds_since_last;
  PulledGauge partitions;
  PulledGauge log_size_bytes;
  PulledGauge log_directories_offline;
  PulledGauge log_directories_full;  ///< no room for records
  GroupMetrics groups;

 private:
  static constexpr std::int16_t kLastApiKey = 94;
  static constexpr int kPeerApis = 3;                  // of nodes among themselves
  static constexpr std::int16_t kFirstErrorCode = -1;  // unknown_server_error
  static constexpr std::size_t kErrorCodes = 160;      // Kafka 4.1 ends at 133

  /// Errors are not sharded: they are rare, and a table of shards for every pair of API and code would be megabytes.
  struct ApiSlot {
    std::string name;
    ApiMetrics metrics;
    std::array<std::atomic<std::uint64_t>, kErrorCodes> errors{};
  };

  static std::optional<std::size_t> index_of(std::int16_t key) noexcept;
  ApiSlot& slot_of(std::int16_t key) const noexcept;
  void collect_apis(std::vector<prometheus::MetricFamily>& families) const;
  void collect_errors(std::vector<prometheus::MetricFamily>& families) const;

  std::array<std::unique_ptr<ApiSlot>, kLastApiKey + 1 + kPeerApis> slots_;  // null: no such API
  std::unique_ptr<ApiSlot> unknown_;
  std::array<std::string, kErrorCodes> error_names_;  // empty: named by number
  std::string version_;
};

}  // namespace sluice::broker::metrics

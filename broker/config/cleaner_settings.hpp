#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace sluice::broker::config {

/// What the log cleaner goes by (`log.cleaner.*`). Defaults here are the table's.
struct CleanerSettings {
  bool enable = true;
  int threads = 1;
  std::int64_t dedupe_buffer_bytes = 128 << 20;   ///< of all threads together
  double io_buffer_load_factor = 0.9;             ///< how full the key maps may become
  std::int64_t io_buffer_bytes = 512 << 10;       ///< of all threads together
  std::optional<double> io_bytes_per_second_max;  ///< nullopt: as fast as it goes
  std::chrono::milliseconds backoff = std::chrono::seconds{15};
};

class BrokerConfig;

/// Of a configuration whose values are right, each by its row of the table.
CleanerSettings read_cleaner_settings(const BrokerConfig& config);

}  // namespace sluice::broker::config

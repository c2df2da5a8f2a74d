#include "broker/config/cleaner_settings.hpp"

#include <string_view>

#include "broker/config/broker_config.hpp"
#include "broker/config/settings_reader.hpp"

namespace sluice::broker::config {

CleanerSettings read_cleaner_settings(const BrokerConfig& config) {
  constexpr double kNoLimit = 1e15;
  std::vector<ConfigError> none;
  const SettingsReader reader{config, none};
  CleanerSettings cleaner;
  cleaner.enable = reader.flag("log.cleaner.enable");
  cleaner.threads = reader.small("log.cleaner.threads");
  cleaner.dedupe_buffer_bytes = reader.integer("log.cleaner.dedupe.buffer.size");
  cleaner.io_buffer_load_factor = reader.number("log.cleaner.io.buffer.load.factor");
  cleaner.io_buffer_bytes = reader.integer("log.cleaner.io.buffer.size");
  cleaner.backoff = reader.duration("log.cleaner.backoff.ms");
  const auto rate = reader.number("log.cleaner.io.max.bytes.per.second");
  if (rate < kNoLimit) cleaner.io_bytes_per_second_max = rate;
  return cleaner;
}

}  // namespace sluice::broker::config

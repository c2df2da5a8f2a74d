#include "broker/api/produce_rules.hpp"

#include <limits>

namespace sluice::broker::api {
namespace {

std::int64_t or_unlimited(const std::optional<std::chrono::milliseconds>& limit) {
  return limit ? limit->count() : std::numeric_limits<std::int64_t>::max();
}

std::optional<int> level_of(const config::TopicSettings& settings) {
  if (!settings.compression) return std::nullopt;
  switch (*settings.compression) {
    case record::Compression::gzip: return settings.compression_gzip_level;
    case record::Compression::lz4: return settings.compression_lz4_level;
    case record::Compression::zstd: return settings.compression_zstd_level;
    case record::Compression::none:
    case record::Compression::snappy: break;
  }
  return std::nullopt;
}

}  // namespace

record::ValidationRules produce_rules(const config::TopicSettings& settings, std::int16_t version) {
  return {.max_message_bytes = static_cast<std::int32_t>(settings.max_message_bytes),
          .segment_bytes = static_cast<std::int32_t>(settings.segment_bytes),
          .compacted = settings.cleanup_compact,
          .trust_compressed = !settings.validate_compressed,
          .allow_zstd = version >= 7,
          .timestamp_type = settings.message_timestamp_type,
          .timestamp_before_max_ms = or_unlimited(settings.message_timestamp_before_max_ms),
          .timestamp_after_max_ms = or_unlimited(settings.message_timestamp_after_max_ms),
          .target_compression = settings.compression,
          .target_level = level_of(settings)};
}

}  // namespace sluice::broker::api

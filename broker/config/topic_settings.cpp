#include "broker/config/topic_settings.hpp"

#include <limits>
#include <string_view>

#include "broker/config/broker_config.hpp"
#include "broker/config/definition.hpp"
#include "broker/config/text.hpp"
#include "broker/config/value.hpp"
#include "protocol/base/assert.hpp"

namespace sluice::broker::config {
namespace {

using std::chrono::milliseconds;

constexpr std::int64_t kUnlimited = std::numeric_limits<std::int64_t>::max();

/// The effective values of one topic, by type. Every value it hands out fits its row of the table.
class TopicValues {
 public:
  TopicValues(const BrokerConfig& broker, const std::map<std::string, std::string>& overrides)
      : broker_(broker), overrides_(overrides) {}

  std::string text(std::string_view name) const {
    const auto* definition = find_topic_definition(name);
    SLUICE_ASSERT(definition != nullptr && definition->default_value, name);
    if (const auto found = overrides_.find(std::string{name}); found != overrides_.end()) {
      if (!complaint_about(*definition, found->second)) return normalized(*definition, found->second);
    }
    const auto inherited = broker_.value_of_group(definition->broker_name);
    if (inherited && !complaint_about(*definition, *inherited)) return *inherited;
    return std::string{*definition->default_value};
  }

  std::int64_t integer(std::string_view name) const {
    const auto value = parse_integer(text(name));
    SLUICE_ASSERT(value, name);
    return *value;
  }

  double ratio(std::string_view name) const {
    const auto value = parse_double(text(name));
    SLUICE_ASSERT(value, name);
    return *value;
  }

  bool flag(std::string_view name) const { return text(name) == "true"; }
  int small(std::string_view name) const { return static_cast<int>(integer(name)); }

  /// Pre: the row's minimum is not negative.
  std::uint32_t size(std::string_view name) const { return static_cast<std::uint32_t>(integer(name)); }

  milliseconds duration(std::string_view name) const { return milliseconds{integer(name)}; }

  /// nullopt where Kafka says "no limit": negative, or the largest number.
  std::optional<std::int64_t> limit(std::string_view name) const {
    const auto value = integer(name);
    if (value < 0 || value == kUnlimited) return std::nullopt;
    return value;
  }

  std::optional<milliseconds> duration_limit(std::string_view name) const {
    const auto value = limit(name);
    if (!value) return std::nullopt;
    return milliseconds{*value};
  }

 private:
  const BrokerConfig& broker_;
  const std::map<std::string, std::string>& overrides_;
};

std::optional<record::Compression> compression_of(std::string_view type) {
  if (type == "uncompressed") return record::Compression::none;
  if (type == "gzip") return record::Compression::gzip;
  if (type == "snappy") return record::Compression::snappy;
  if (type == "lz4") return record::Compression::lz4;
  if (type == "zstd") return record::Compression::zstd;
  return std::nullopt;  // producer
}

void set_segments(TopicSettings& settings, const TopicValues& values) {
  settings.segment_bytes = values.size("segment.bytes");
  settings.segment_ms = values.duration("segment.ms");
  settings.segment_jitter_ms = values.duration("segment.jitter.ms");
  settings.index_interval_bytes = values.size("index.interval.bytes");
  settings.segment_index_bytes = values.size("segment.index.bytes");
  settings.preallocate = values.flag("preallocate");
  settings.file_delete_delay_ms = values.duration("file.delete.delay.ms");
}

void set_retention(TopicSettings& settings, const TopicValues& values) {
  settings.cleanup_delete = settings.cleanup_compact = false;
  for (const auto& policy : split_list(values.text("cleanup.policy"))) {
    settings.cleanup_delete |= policy == "delete";
    settings.cleanup_compact |= policy == "compact";
  }
  settings.retention_ms = values.duration_limit("retention.ms");
  settings.retention_bytes = values.limit("retention.bytes");
  settings.delete_retention_ms = values.duration("delete.retention.ms");
  settings.min_compaction_lag_ms = values.duration("min.compaction.lag.ms");
  settings.max_compaction_lag_ms = values.duration_limit("max.compaction.lag.ms");
  settings.min_cleanable_dirty_ratio = values.ratio("min.cleanable.dirty.ratio");
}

void set_records(TopicSettings& settings, const TopicValues& values) {
  settings.compression = compression_of(values.text("compression.type"));
  settings.compression_gzip_level = values.small("compression.gzip.level");
  settings.compression_lz4_level = values.small("compression.lz4.level");
  settings.compression_zstd_level = values.small("compression.zstd.level");
  settings.max_message_bytes = values.size("max.message.bytes");
  settings.message_timestamp_type = values.text("message.timestamp.type") == "LogAppendTime"
                                        ? record::TimestampType::log_append_time
                                        : record::TimestampType::create_time;
  settings.message_timestamp_before_max_ms = values.duration_limit("message.timestamp.before.max.ms");
  settings.message_timestamp_after_max_ms = values.duration_limit("message.timestamp.after.max.ms");
  settings.validate_compressed = values.flag("sluice.validate.compressed");
}

void set_durability(TopicSettings& settings, const TopicValues& values) {
  settings.flush_messages = values.limit("flush.messages");
  settings.flush_ms = values.duration_limit("flush.ms");
  settings.durability = values.text("sluice.durability") == "os" ? Durability::os : Durability::fsync;
  settings.min_insync_replicas = values.small("min.insync.replicas");
  settings.unclean_leader_election = values.flag("unclean.leader.election.enable");
}

}  // namespace

TopicSettings resolve(const BrokerConfig& broker, const std::map<std::string, std::string>& topic_overrides) {
  const TopicValues values{broker, topic_overrides};
  TopicSettings settings;
  set_segments(settings, values);
  set_retention(settings, values);
  set_records(settings, values);
  set_durability(settings, values);
  return settings;
}

}  // namespace sluice::broker::config

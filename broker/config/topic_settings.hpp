#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "protocol/record/batch_format.hpp"

namespace sluice::broker::config {

class BrokerConfig;

/// What an acknowledgement of acks=all means (`sluice.durability`).
enum class Durability : std::uint8_t {
  fsync,  ///< answered after fdatasync on the replicas that count
  os,     ///< Kafka's default: answered when in the page cache of the replicas that count
};

/// The settings of one topic, resolved: its overrides over the broker's. Defaults here are the table's (a test
/// compares).
struct TopicSettings {
  // Segments.
  std::uint32_t segment_bytes = 1U << 30;
  std::chrono::milliseconds segment_ms = std::chrono::hours{24 * 7};
  std::chrono::milliseconds segment_jitter_ms{0};
  std::uint32_t index_interval_bytes = 4096;
  std::uint32_t segment_index_bytes = 10U << 20;
  bool preallocate = false;
  std::chrono::milliseconds file_delete_delay_ms = std::chrono::minutes{1};

  // Retention and compaction. cleanup_delete and cleanup_compact both false: everything is kept.
  bool cleanup_delete = true;
  bool cleanup_compact = false;
  std::optional<std::chrono::milliseconds> retention_ms = std::chrono::hours{24 * 7};  ///< nullopt: no limit
  std::optional<std::int64_t> retention_bytes;  ///< per partition; nullopt: no limit
  std::chrono::milliseconds delete_retention_ms = std::chrono::hours{24};
  std::chrono::milliseconds min_compaction_lag_ms{0};
  std::optional<std::chrono::milliseconds> max_compaction_lag_ms;  ///< nullopt: no limit
  double min_cleanable_dirty_ratio = 0.5;

  // Records.
  std::optional<record::Compression> compression;  ///< codec to store; nullopt: as the producer sent it
  int compression_gzip_level = -1;                 ///< -1: zlib's own choice
  int compression_lz4_level = 9;
  int compression_zstd_level = 3;
  std::uint32_t max_message_bytes = 1048588;  ///< of one batch, compressed, with its header
  record::TimestampType message_timestamp_type = record::TimestampType::create_time;
  std::optional<std::chrono::milliseconds> message_timestamp_before_max_ms;  ///< how far behind now; nullopt: any
  std::optional<std::chrono::milliseconds> message_timestamp_after_max_ms = std::chrono::hours{1};
  bool validate_compressed = true;  ///< walk the records of compressed batches too

  // Durability and replication.
  std::optional<std::int64_t> flush_messages;         ///< fsync after so many records; nullopt: never for this reason
  std::optional<std::chrono::milliseconds> flush_ms;  ///< fsync at the latest after; nullopt: never for this reason
  Durability durability = Durability::fsync;
  int min_insync_replicas = 1;
  bool unclean_leader_election = false;

  bool operator==(const TopicSettings&) const = default;
};

/// Pre: every override passed validate_topic_config; one that did not (written by a newer version, say) is ignored, as
/// is an unknown name: a topic must never fail to open for its settings.
TopicSettings resolve(const BrokerConfig& broker, const std::map<std::string, std::string>& topic_overrides);

}  // namespace sluice::broker::config

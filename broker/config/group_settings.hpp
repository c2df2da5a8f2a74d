#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::broker::config {

/// Which groups may change their protocol while they have members.
enum class MigrationPolicy {
  disabled,
  upgrade,        ///< classic to consumer
  downgrade,      ///< consumer to classic
  bidirectional,  ///< both
};

/// In any case; nullopt: no such policy.
std::optional<MigrationPolicy> parse_migration_policy(std::string_view text);

/// "uniform" or "range", given as that or as the name of Kafka's class; nullopt: not an assignor of ours.
std::optional<std::string> parse_assignor(std::string_view text);

/// What the group coordinator goes by. Defaults here are the table's.
struct GroupSettings {
  // Classic groups.
  std::chrono::milliseconds initial_rebalance_delay = std::chrono::seconds{3};
  std::chrono::milliseconds session_timeout_min = std::chrono::seconds{6};
  std::chrono::milliseconds session_timeout_max = std::chrono::minutes{30};
  std::int32_t size_max = std::numeric_limits<std::int32_t>::max();  ///< members of one group

  bool consumer_protocol = true;  ///< else only classic groups are served

  // Groups of the consumer protocol (KIP-848). What is a default here, a group's own configuration may override.
  std::chrono::milliseconds consumer_session_timeout = std::chrono::seconds{45};
  std::chrono::milliseconds consumer_session_timeout_min = std::chrono::seconds{45};
  std::chrono::milliseconds consumer_session_timeout_max = std::chrono::seconds{60};
  std::chrono::milliseconds consumer_heartbeat_interval = std::chrono::seconds{5};
  std::chrono::milliseconds consumer_heartbeat_interval_min = std::chrono::seconds{5};
  std::chrono::milliseconds consumer_heartbeat_interval_max = std::chrono::seconds{15};
  std::int32_t consumer_size_max = std::numeric_limits<std::int32_t>::max();  ///< members of one group
  std::vector<std::string> consumer_assignors{"uniform", "range"};            ///< the first is the default
  MigrationPolicy consumer_migration_policy = MigrationPolicy::bidirectional;
  std::chrono::milliseconds consumer_regex_refresh_interval = std::chrono::minutes{10};

  // Committed offsets.
  std::int32_t offset_metadata_max_bytes = 4096;
  std::chrono::milliseconds offsets_retention = std::chrono::hours{24 * 7};
  std::chrono::milliseconds offsets_retention_check_interval = std::chrono::minutes{10};

  // __consumer_offsets, where they are kept.
  std::int32_t offsets_topic_num_partitions = 50;
  std::int16_t offsets_topic_replication_factor = 3;
  std::int32_t offsets_topic_segment_bytes = 100 << 20;
};

}  // namespace sluice::broker::config

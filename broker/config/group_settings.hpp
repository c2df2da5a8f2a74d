#pragma once

#include <chrono>
#include <cstdint>
#include <limits>

namespace sluice::broker::config {

/// What the group coordinator goes by. Defaults here are the table's.
struct GroupSettings {
  // Classic groups.
  std::chrono::milliseconds initial_rebalance_delay = std::chrono::seconds{3};
  std::chrono::milliseconds session_timeout_min = std::chrono::seconds{6};
  std::chrono::milliseconds session_timeout_max = std::chrono::minutes{30};
  std::int32_t size_max = std::numeric_limits<std::int32_t>::max();  ///< members of one group

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

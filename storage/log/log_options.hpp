#pragma once

#include <chrono>
#include <cstdint>

namespace sluice::storage {

/// Settings of one log; names and defaults are Kafka's topic settings. May be replaced while the log is open.
struct LogOptions {
  std::uint32_t segment_bytes = 1U << 30;
  std::chrono::milliseconds segment_ms = std::chrono::hours{24 * 7};
  std::chrono::milliseconds segment_jitter_ms{0};
  std::uint32_t index_interval_bytes = 4096;
  std::uint32_t segment_index_bytes = 10U << 20;
  /// A compaction may have emptied the end of a segment: to recovery a gap before the next one is no lost tail.
  bool compacted = false;
  bool preallocate = false;  ///< the whole segment at once, instead of in steps
  std::chrono::milliseconds producer_id_expiration_ms = std::chrono::hours{24};
  std::chrono::milliseconds file_delete_delay_ms = std::chrono::minutes{1};
};

}  // namespace sluice::storage

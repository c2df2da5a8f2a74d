#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "protocol/base/bytes.hpp"
#include "protocol/base/ids.hpp"

namespace sluice::record {

/// What a control batch's single record says. Key: i16 version, i16 type.
enum class ControlType : std::int16_t {
  abort = 0,
  commit = 1,
  leader_change = 2,
  snapshot_header = 3,
  snapshot_footer = 4,
  kraft_version = 5,
  kraft_voters = 6,
};

/// Type of a control record by its key; nullopt when the key is cut short or the type unknown, which readers skip.
std::optional<ControlType> parse_control_type(ByteView key) noexcept;

/// Ends a producer's transaction in a partition. Value: i16 version, i32 coordinator epoch.
struct EndTransactionMarker {
  bool committed = false;
  std::int32_t coordinator_epoch = 0;

  friend bool operator==(const EndTransactionMarker&, const EndTransactionMarker&) = default;
};

/// nullopt unless `key` is that of a commit or an abort and `value` is whole.
std::optional<EndTransactionMarker> parse_end_transaction(ByteView key, ByteView value) noexcept;

struct EndTransactionTarget {
  Offset base_offset{0};
  LeaderEpoch partition_leader_epoch = kNoLeaderEpoch;
  ProducerId producer_id = kNoProducerId;
  ProducerEpoch producer_epoch = kNoProducerEpoch;
  Timestamp timestamp = kNoTimestamp;
};

/// The whole control batch: transactional, one record, no sequence.
std::vector<std::byte> build_end_transaction(const EndTransactionTarget& target, const EndTransactionMarker& marker);

}  // namespace sluice::record

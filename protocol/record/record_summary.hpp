#pragma once

#include <cstdint>
#include <limits>

#include "protocol/base/bytes.hpp"
#include "protocol/base/ids.hpp"
#include "protocol/base/result.hpp"
#include "protocol/record/record.hpp"
#include "protocol/record/record_stream.hpp"

namespace sluice::record {

/// What one pass over the records of a batch tells about all of them.
struct RecordSummary {
  Timestamp timestamp_min{std::numeric_limits<std::int64_t>::max()};  ///< of those that have one
  Timestamp timestamp_max = kNoTimestamp;
  std::int32_t timestamp_max_offset_delta = 0;  ///< the first record with the maximum
  bool has_null_key = false;
  bool offsets_are_dense = true;  ///< record i has offset delta i
};

/// Time of a record, whatever its delta: hostile sums wrap.
inline Timestamp timestamp_of(Timestamp base, std::int64_t delta) noexcept {
  return Timestamp{static_cast<std::int64_t>(static_cast<std::uint64_t>(base.value()) +  //
                                             static_cast<std::uint64_t>(delta))};
}

/// Walks all of `records`, uncompressed, and checks the shape of each; `count` of them must fill it.
Result<RecordSummary> summarise(ByteView records, std::int32_t count, Timestamp base_timestamp) noexcept;

/// The same for a stream that was just started.
Result<RecordSummary> summarise(RecordStream& stream, Timestamp base_timestamp);

}  // namespace sluice::record

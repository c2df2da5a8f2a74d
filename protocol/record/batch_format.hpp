#pragma once

#include <cstddef>
#include <cstdint>

/// Record batch, format v2 (magic 2), KIP-98: a 61-byte header, then `record_count` records, compressed as one stream.
/// The CRC covers everything from `attributes` to the end, so that base offset and leader epoch, which the broker
/// assigns, can be patched without computing it again.
namespace sluice::record {

namespace at {
inline constexpr std::size_t kBaseOffset = 0;
inline constexpr std::size_t kLength = 8;  ///< bytes after this field
inline constexpr std::size_t kPartitionLeaderEpoch = 12;
inline constexpr std::size_t kMagic = 16;
inline constexpr std::size_t kCrc = 17;
inline constexpr std::size_t kAttributes = 21;
inline constexpr std::size_t kLastOffsetDelta = 23;
inline constexpr std::size_t kBaseTimestamp = 27;
inline constexpr std::size_t kMaxTimestamp = 35;
inline constexpr std::size_t kProducerId = 43;
inline constexpr std::size_t kProducerEpoch = 51;
inline constexpr std::size_t kBaseSequence = 53;
inline constexpr std::size_t kRecordCount = 57;
inline constexpr std::size_t kRecords = 61;
}  // namespace at

inline constexpr std::size_t kBatchHeaderBytes = at::kRecords;
inline constexpr std::size_t kBatchPrefixBytes = 12;  ///< base offset and length: what `length` does not count
inline constexpr std::int32_t kBatchLengthMin = static_cast<std::int32_t>(kBatchHeaderBytes - kBatchPrefixBytes);
inline constexpr std::int8_t kMagicV2 = 2;

enum class Compression : std::uint8_t { none = 0, gzip = 1, snappy = 2, lz4 = 3, zstd = 4 };
enum class TimestampType : std::uint8_t { create_time = 0, log_append_time = 1 };

namespace attribute {
inline constexpr std::uint16_t kCompressionMask = 0x07;
inline constexpr std::uint16_t kLogAppendTime = 1U << 3;
inline constexpr std::uint16_t kTransactional = 1U << 4;
inline constexpr std::uint16_t kControl = 1U << 5;
inline constexpr std::uint16_t kDeleteHorizon = 1U << 6;  ///< base timestamp holds the delete horizon, KIP-534
}  // namespace attribute

}  // namespace sluice::record

#pragma once

#include <cstdint>
#include <limits>
#include <optional>

#include "protocol/base/bytes.hpp"
#include "protocol/base/ids.hpp"
#include "protocol/record/batch_format.hpp"

namespace sluice::record {

/// The header of one batch, read where it lies. Owns nothing, checks nothing beyond what `parse` promises.
class BatchView {
 public:
  /// The batch at the front of `bytes`; nullopt when the header is cut short, the magic is not 2, or `length` is too
  /// small or reaches past the end of `bytes`. The CRC is not looked at.
  static std::optional<BatchView> parse(ByteView bytes) noexcept;

  /// Only the 61 header bytes need be there: for walking a file. bytes() and records() must not be used.
  static std::optional<BatchView> parse_header(ByteView bytes) noexcept;

  std::size_t size() const noexcept { return kBatchPrefixBytes + static_cast<std::size_t>(length()); }
  ByteView bytes() const noexcept { return {data_, size()}; }
  ByteView records() const noexcept { return bytes().subspan(kBatchHeaderBytes); }  ///< as stored: maybe compressed

  Offset base_offset() const noexcept { return Offset{load<std::int64_t>(at::kBaseOffset)}; }
  Offset last_offset() const noexcept { return base_offset() + last_offset_delta(); }
  Offset next_offset() const noexcept { return last_offset() + 1; }
  std::int32_t length() const noexcept { return load<std::int32_t>(at::kLength); }
  LeaderEpoch partition_leader_epoch() const noexcept {
    return LeaderEpoch{load<std::int32_t>(at::kPartitionLeaderEpoch)};
  }
  std::int8_t magic() const noexcept { return load<std::int8_t>(at::kMagic); }
  std::uint32_t crc() const noexcept { return load<std::uint32_t>(at::kCrc); }
  std::uint16_t attributes() const noexcept { return load<std::uint16_t>(at::kAttributes); }
  std::int32_t last_offset_delta() const noexcept { return load<std::int32_t>(at::kLastOffsetDelta); }
  Timestamp base_timestamp() const noexcept { return Timestamp{load<std::int64_t>(at::kBaseTimestamp)}; }
  Timestamp max_timestamp() const noexcept { return Timestamp{load<std::int64_t>(at::kMaxTimestamp)}; }
  ProducerId producer_id() const noexcept { return ProducerId{load<std::int64_t>(at::kProducerId)}; }
  ProducerEpoch producer_epoch() const noexcept { return ProducerEpoch{load<std::int16_t>(at::kProducerEpoch)}; }
  std::int32_t base_sequence() const noexcept { return load<std::int32_t>(at::kBaseSequence); }
  std::int32_t record_count() const noexcept { return load<std::int32_t>(at::kRecordCount); }

  /// Raw codec bits may exceed Compression::zstd in hostile input; the validator rejects those.
  Compression compression() const noexcept {
    return static_cast<Compression>(attributes() & attribute::kCompressionMask);
  }
  TimestampType timestamp_type() const noexcept {
    return (attributes() & attribute::kLogAppendTime) != 0 ? TimestampType::log_append_time
                                                           : TimestampType::create_time;
  }
  bool is_transactional() const noexcept { return (attributes() & attribute::kTransactional) != 0; }
  bool is_control() const noexcept { return (attributes() & attribute::kControl) != 0; }
  /// Whether first, last and next offset exist and are in that order: what a file or a peer says need not. The sums
  /// above overflow otherwise.
  bool has_sound_offsets() const noexcept {
    return base_offset() >= Offset{0} && last_offset_delta() >= 0 &&
           base_offset().value() < std::numeric_limits<std::int64_t>::max() - last_offset_delta();
  }
  bool has_producer() const noexcept { return producer_id() != kNoProducerId; }
  std::int32_t last_sequence() const noexcept;  ///< wraps past INT32_MAX to 0; -1 without a sequence

  bool crc_matches() const noexcept;

 protected:
  explicit BatchView(const std::byte* data) noexcept : data_(data) {}

  template <class T>
  T load(std::size_t offset) const noexcept {
    return load_be<T>(data_ + offset);
  }

  const std::byte* data_;
};

/// A batch whose header may be patched in place, as a leader does before it appends.
class MutableBatch : public BatchView {
 public:
  static std::optional<MutableBatch> parse(MutableBytes bytes) noexcept;

  /// Both fields lie before the CRC's range: no new CRC.
  void assign(Offset base_offset, LeaderEpoch leader_epoch) noexcept;

  /// These change bytes under the CRC: call `seal` once after the last of them.
  void set_max_timestamp(Timestamp max_timestamp) noexcept;
  void set_log_append_time(Timestamp now) noexcept;
  void seal() noexcept;  ///< computes and stores the CRC

 private:
  explicit MutableBatch(std::byte* data) noexcept : BatchView(data), mutable_data_(data) {}

  std::byte* mutable_data_;
};

/// Walks whole batches laid back to back; a cut one at the end ends the walk (`rest()` is what is left).
class BatchWalker {
 public:
  explicit BatchWalker(ByteView bytes) noexcept : rest_(bytes) {}
  std::optional<BatchView> next() noexcept;
  ByteView rest() const noexcept { return rest_; }

 private:
  ByteView rest_;
};

}  // namespace sluice::record

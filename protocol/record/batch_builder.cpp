#include "protocol/record/batch_builder.hpp"

#include <algorithm>
#include <cstring>
#include <limits>

#include "protocol/base/assert.hpp"
#include "protocol/base/varint.hpp"

namespace sluice::record {
namespace {

/// Code of a length, where null is -1.
std::uint64_t length_code(std::optional<ByteView> bytes) noexcept {
  return bytes ? zigzag_encode(static_cast<std::int64_t>(bytes->size())) : zigzag_encode(std::int64_t{-1});
}

std::size_t nullable_size(std::optional<ByteView> bytes) noexcept {
  return varint_size(length_code(bytes)) + (bytes ? bytes->size() : 0);
}

std::byte* write_nullable(std::byte* to, std::optional<ByteView> bytes) noexcept {
  to = write_varint(to, length_code(bytes));
  if (!bytes || bytes->empty()) return to;
  std::memcpy(to, bytes->data(), bytes->size());
  return to + bytes->size();
}

/// The varints before a record's key.
struct RecordPrefix {
  std::uint64_t timestamp_delta_code;
  std::uint64_t offset_delta_code;

  /// Bytes of the whole record, without its own length field.
  std::size_t body_size(const RecordInput& record) const noexcept {
    std::size_t size = 1 + varint_size(timestamp_delta_code) + varint_size(offset_delta_code);  // 1: attributes
    size += nullable_size(record.key) + nullable_size(record.value);
    size += varint_size(zigzag_encode(static_cast<std::int64_t>(record.headers.size())));
    for (const auto& header : record.headers) size += nullable_size(header.key) + nullable_size(header.value);
    return size;
  }
};

void write_record(std::byte* to, std::size_t body_size, const RecordPrefix& prefix, const RecordInput& record) {
  to = write_varint(to, zigzag_encode(static_cast<std::int64_t>(body_size)));
  *to++ = std::byte{0};  // attributes: none are defined for records
  to = write_varint(to, prefix.timestamp_delta_code);
  to = write_varint(to, prefix.offset_delta_code);
  to = write_nullable(to, record.key);
  to = write_nullable(to, record.value);
  to = write_varint(to, zigzag_encode(static_cast<std::int64_t>(record.headers.size())));
  for (const auto& header : record.headers) {
    to = write_nullable(to, header.key);
    to = write_nullable(to, header.value);
  }
}

}  // namespace

void BatchBuilder::reset(const BatchOptions& options) {
  options_ = options;
  plain_.resize(kBatchHeaderBytes);
  packed_.clear();
  next_offset_ = options.base_offset;
  base_timestamp_ = options.delete_horizon.value_or(kNoTimestamp);
  max_timestamp_ = kNoTimestamp;
  record_count_ = 0;
}

void BatchBuilder::append_at(Offset offset, const RecordInput& record) {
  SLUICE_ASSERT(offset >= next_offset_, offset, next_offset_);
  if (empty() && !options_.delete_horizon) base_timestamp_ = record.timestamp;
  max_timestamp_ = std::max(max_timestamp_, record.timestamp);

  const RecordPrefix prefix{zigzag_encode(record.timestamp - base_timestamp_),
                            zigzag_encode(offset - options_.base_offset)};
  const auto body_size = prefix.body_size(record);
  const auto at = plain_.size();
  plain_.resize(at + varint_size(zigzag_encode(static_cast<std::int64_t>(body_size))) + body_size);
  write_record(plain_.data() + at, body_size, prefix, record);

  next_offset_ = offset + 1;
  ++record_count_;
}

void BatchBuilder::extend_to(Offset last) {
  SLUICE_ASSERT(last + 1 >= next_offset_, last, next_offset_);
  next_offset_ = last + 1;
}

MutableBytes BatchBuilder::build() {
  auto* batch = &plain_;
  if (options_.compression != Compression::none) {
    packed_.resize(kBatchHeaderBytes);
    const int level = options_.compression_level.value_or(default_level(options_.compression));
    compressor_.compress(options_.compression, level, ByteView{plain_}.subspan(kBatchHeaderBytes), packed_);
    batch = &packed_;
  }
  SLUICE_ASSERT(batch->size() <= std::numeric_limits<std::int32_t>::max(), batch->size());
  write_header(batch->data(), batch->size());
  MutableBatch::parse(*batch)->seal();
  return *batch;
}

std::uint16_t BatchBuilder::attributes() const noexcept {
  auto bits = static_cast<std::uint16_t>(options_.compression);
  if (options_.timestamp_type == TimestampType::log_append_time) bits |= attribute::kLogAppendTime;
  if (options_.transactional) bits |= attribute::kTransactional;
  if (options_.control) bits |= attribute::kControl;
  if (options_.delete_horizon) bits |= attribute::kDeleteHorizon;
  return bits;
}

void BatchBuilder::write_header(std::byte* header, std::size_t batch_bytes) const noexcept {
  store_be(header + at::kBaseOffset, options_.base_offset.value());
  store_be(header + at::kLength, static_cast<std::int32_t>(batch_bytes - kBatchPrefixBytes));
  store_be(header + at::kPartitionLeaderEpoch, options_.partition_leader_epoch.value());
  store_be(header + at::kMagic, kMagicV2);
  store_be(header + at::kAttributes, attributes());
  store_be(header + at::kLastOffsetDelta, static_cast<std::int32_t>(next_offset_ - options_.base_offset - 1));
  store_be(header + at::kBaseTimestamp, base_timestamp_.value());
  store_be(header + at::kMaxTimestamp, max_timestamp_.value());
  store_be(header + at::kProducerId, options_.producer_id.value());
  store_be(header + at::kProducerEpoch, options_.producer_epoch.value());
  store_be(header + at::kBaseSequence, options_.base_sequence);
  store_be(header + at::kRecordCount, record_count_);
}

}  // namespace sluice::record

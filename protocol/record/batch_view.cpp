#include "protocol/record/batch_view.hpp"

#include <limits>

#include "protocol/base/crc32c.hpp"

namespace sluice::record {
namespace {

bool header_is_sound(const std::byte* data) noexcept {
  return load_be<std::int8_t>(data + at::kMagic) == kMagicV2 &&
         load_be<std::int32_t>(data + at::kLength) >= kBatchLengthMin;
}

ByteView checksummed(const BatchView& batch) noexcept { return batch.bytes().subspan(at::kAttributes); }

}  // namespace

std::optional<BatchView> BatchView::parse_header(ByteView bytes) noexcept {
  if (bytes.size() < kBatchHeaderBytes || !header_is_sound(bytes.data())) return std::nullopt;
  return BatchView{bytes.data()};
}

std::optional<BatchView> BatchView::parse(ByteView bytes) noexcept {
  auto batch = parse_header(bytes);
  if (batch && batch->size() > bytes.size()) return std::nullopt;
  return batch;
}

std::optional<MutableBatch> MutableBatch::parse(MutableBytes bytes) noexcept {
  if (!BatchView::parse(bytes)) return std::nullopt;
  return MutableBatch{bytes.data()};
}

std::int32_t BatchView::last_sequence() const noexcept {
  if (base_sequence() < 0) return base_sequence();
  constexpr std::int64_t kSequences = std::int64_t{std::numeric_limits<std::int32_t>::max()} + 1;
  return static_cast<std::int32_t>((std::int64_t{base_sequence()} + last_offset_delta()) % kSequences);
}

bool BatchView::crc_matches() const noexcept { return crc32c(checksummed(*this)) == crc(); }

void MutableBatch::assign(Offset base_offset, LeaderEpoch leader_epoch) noexcept {
  store_be(mutable_data_ + at::kBaseOffset, base_offset.value());
  store_be(mutable_data_ + at::kPartitionLeaderEpoch, leader_epoch.value());
}

void MutableBatch::set_max_timestamp(Timestamp max_timestamp) noexcept {
  store_be(mutable_data_ + at::kMaxTimestamp, max_timestamp.value());
}

void MutableBatch::set_log_append_time(Timestamp now) noexcept {
  store_be(mutable_data_ + at::kAttributes, static_cast<std::uint16_t>(attributes() | attribute::kLogAppendTime));
  set_max_timestamp(now);
}

void MutableBatch::seal() noexcept { store_be(mutable_data_ + at::kCrc, crc32c(checksummed(*this))); }

std::optional<BatchView> BatchWalker::next() noexcept {
  const auto batch = BatchView::parse(rest_);
  if (batch) rest_ = rest_.subspan(batch->size());
  return batch;
}

}  // namespace sluice::record

#include "storage/segment/batch_reader.hpp"

#include <algorithm>

#include "storage/errc.hpp"

namespace sluice::storage {
namespace {

constexpr std::size_t kStepBytes = 256U << 10;
constexpr std::uint64_t kReadAheadBytes = 1U << 20;  // while a step is looked at

}  // namespace

Result<std::optional<record::BatchView>> BatchReader::next() {
  if (position_ >= end_) return std::optional<record::BatchView>{};
  if (const auto filled = fill(record::kBatchHeaderBytes); !filled) return filled.error();
  const auto header = record::BatchView::parse_header(ByteView{buffer_}.subspan(position_ - buffer_position_));
  if (!header || !header->has_sound_offsets()) return Errc::corrupt_batch;
  const auto size = header->size();
  if (const auto filled = fill(size); !filled) return filled.error();
  const auto batch = record::BatchView::parse(ByteView{buffer_}.subspan(position_ - buffer_position_, size));
  if (!batch) return Errc::corrupt_batch;
  position_ += static_cast<std::uint32_t>(size);
  return batch;
}

// Makes [position_, position_ + bytes) be in the buffer.
Result<> BatchReader::fill(std::size_t bytes) {
  if (bytes > end_ - position_) return Errc::corrupt_batch;
  if (position_ - buffer_position_ + bytes <= buffer_bytes_) return {};
  const auto wanted = std::min<std::size_t>(std::max(bytes, kStepBytes), end_ - position_);
  if (buffer_.size() < wanted) buffer_.resize(wanted);
  buffer_bytes_ = 0;
  buffer_position_ = position_;
  if (const auto got = file_.read(position_, MutableBytes{buffer_}.first(wanted)); !got) return got.error();
  buffer_bytes_ = wanted;
  if (position_ + wanted < end_) file_.read_ahead(position_ + wanted, kReadAheadBytes);
  return {};
}

Result<record::BatchView> read_batch(const SegmentFile& file, std::uint32_t position, std::size_t size,
                                     std::vector<std::byte>& buffer) {
  buffer.resize(size);
  if (const auto got = file.read(position, buffer); !got) return got.error();
  const auto batch = record::BatchView::parse(buffer);
  if (!batch || batch->size() != size) return Errc::corrupt_batch;
  return *batch;
}

}  // namespace sluice::storage

#include "storage/segment/header_walker.hpp"

#include <algorithm>

#include "storage/errc.hpp"

namespace sluice::storage {

Result<std::optional<HeaderWalker::Step>> HeaderWalker::next() {
  if (damage_) position_ = damage_->skip(position_);
  if (position_ >= end_) return std::optional<Step>{};
  if (end_ - position_ < record::kBatchHeaderBytes) return Errc::corrupt_batch;
  const auto buffer_end = std::uint64_t{buffer_position_} + buffer_bytes_;
  if (position_ < buffer_position_ || position_ + record::kBatchHeaderBytes > buffer_end) {
    const auto bytes = std::min<std::uint32_t>(static_cast<std::uint32_t>(buffer_.size()), end_ - position_);
    if (const auto got = file_.read(position_, MutableBytes{buffer_}.first(bytes), mode_); !got) return got.error();
    buffer_position_ = position_;
    buffer_bytes_ = bytes;
  }
  const auto header = record::BatchView::parse_header(
      ByteView{buffer_}.subspan(position_ - buffer_position_, record::kBatchHeaderBytes));
  if (!header || header->size() > end_ - position_ || !header->has_sound_offsets()) return Errc::corrupt_batch;
  const Step step{*header, position_};
  position_ = step.end();
  return std::optional<Step>{step};
}

}  // namespace sluice::storage

#include "storage/segment/header_walker.hpp"

#include <algorithm>

#include "storage/errc.hpp"

namespace sluice::storage {

namespace {

constexpr std::uint32_t kLongWalkFills = 8;
constexpr std::uint32_t kNearBytes = 64U << 10;  // headers further apart are not worth what lies between them
constexpr std::uint32_t kReadAheadBytes = 512U << 10;

}  // namespace

Result<> HeaderWalker::fill() {
  if (mode_ == ReadMode::may_wait) read_ahead_on_long_walks();
  const auto bytes = std::min<std::uint32_t>(static_cast<std::uint32_t>(buffer_.size()), end_ - position_);
  if (const auto got = file_.read(position_, MutableBytes{buffer_}.first(bytes), mode_); !got) return got.error();
  buffer_position_ = position_;
  buffer_bytes_ = bytes;
  return {};
}

// The files expect short reads; whoever walks a whole segment would wait for each.
void HeaderWalker::read_ahead_on_long_walks() noexcept {
  const bool near = fills_ > 0 && position_ >= buffer_position_ && position_ - buffer_position_ <= kNearBytes;
  fills_ = near ? fills_ + 1 : 1;
  if (fills_ < kLongWalkFills || position_ < asked_until_) return;
  asked_until_ = std::uint64_t{position_} + std::min(kReadAheadBytes, end_ - position_);
  file_.read_ahead(position_, asked_until_ - position_);
}

Result<std::optional<HeaderWalker::Step>> HeaderWalker::next() {
  if (damage_) position_ = damage_->skip(position_);
  if (position_ >= end_) return std::optional<Step>{};
  if (end_ - position_ < record::kBatchHeaderBytes) return Errc::corrupt_batch;
  const auto buffer_end = std::uint64_t{buffer_position_} + buffer_bytes_;
  if (position_ < buffer_position_ || position_ + record::kBatchHeaderBytes > buffer_end) {
    if (const auto filled = fill(); !filled) return filled.error();
  }
  const auto header = record::BatchView::parse_header(
      ByteView{buffer_}.subspan(position_ - buffer_position_, record::kBatchHeaderBytes));
  if (!header || header->size() > end_ - position_ || !header->has_sound_offsets()) return Errc::corrupt_batch;
  const Step step{*header, position_};
  position_ = step.end();
  return std::optional<Step>{step};
}

}  // namespace sluice::storage

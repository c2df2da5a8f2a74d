#include "storage/wal/segment_window.hpp"

#include <algorithm>

namespace sluice::storage::wal {
namespace {

constexpr std::uint64_t kStepBytes = 1U << 20;

}  // namespace

Result<SegmentWindow> SegmentWindow::open(FileSystem& fs, const std::string& path) {
  auto file = fs.open(path, OpenMode::existing_read_only);
  if (!file) return file.error();
  const auto size = (*file)->size();
  if (!size) return size.error();
  return SegmentWindow{std::move(*file), *size};
}

Result<ByteView> SegmentWindow::view(std::uint64_t bytes) {
  bytes = std::min(bytes, size_ - std::min(position_, size_));
  const auto buffer_end = buffer_position_ + buffer_.size();
  if (position_ < buffer_position_ || position_ + bytes > buffer_end) {
    buffer_.resize(std::min(std::max(bytes, kStepBytes), size_ - position_));
    buffer_position_ = position_;
    const auto count = file_->read_at(position_, buffer_);
    if (!count) return count.error();
    buffer_.resize(*count);
  }
  const auto from = position_ - buffer_position_;
  return ByteView{buffer_}.subspan(from, std::min<std::uint64_t>(bytes, buffer_.size() - from));
}

Result<std::optional<record::BatchView>> SegmentWindow::batch() {
  const std::optional<record::BatchView> none;
  const auto front = view(record::kBatchHeaderBytes);
  if (!front) return front.error();
  const auto header = record::BatchView::parse_header(*front);
  if (!header || !header->has_sound_offsets() || header->size() > size_ - position_) return none;
  const auto whole = view(header->size());
  if (!whole) return whole.error();
  const auto batch = record::BatchView::parse(*whole);
  if (!batch || !batch->crc_matches()) return none;
  return batch;
}

Result<> SegmentWindow::seek_header() {
  ++position_;
  while (!at_end()) {
    const auto bytes = view(kStepBytes);
    if (!bytes) return bytes.error();
    for (std::size_t at = 0; at + record::kBatchHeaderBytes <= bytes->size(); ++at, ++position_) {
      if ((*bytes)[at + record::at::kMagic] != std::byte{record::kMagicV2}) continue;
      const auto header = record::BatchView::parse_header(bytes->subspan(at));
      if (header && header->has_sound_offsets() && header->size() <= size_ - position_) return {};
    }
    if (bytes->size() < record::kBatchHeaderBytes) position_ = size_;
  }
  return {};
}

}  // namespace sluice::storage::wal

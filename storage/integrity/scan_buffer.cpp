#include "storage/integrity/scan_buffer.hpp"

#include <algorithm>

#include "protocol/base/assert.hpp"
#include "storage/errc.hpp"

namespace sluice::storage {
namespace {

constexpr std::size_t kStepBytes = 256U << 10;
constexpr std::uint64_t kReadAheadBytes = 1U << 20;  // while a step is looked at

}  // namespace

Result<ByteView> ScanBuffer::view(std::uint32_t position, std::size_t size) {
  SLUICE_ASSERT(position <= end_ && size <= end_ - position, position, size, end_);
  const bool held = position >= held_position_ && position - held_position_ + size <= held_bytes_;
  if (!held) {
    const auto wanted = std::min<std::size_t>(std::max(size, kStepBytes), end_ - position);
    if (buffer_.size() < wanted) buffer_.resize(wanted);
    held_bytes_ = 0;
    const auto got = file_.read_at(position, MutableBytes{buffer_}.first(wanted));
    if (!got) return got.error();
    if (position + wanted < end_) file_.read_ahead(position + wanted, kReadAheadBytes);
    held_position_ = position;
    held_bytes_ = *got;
    if (held_bytes_ < size) return Errc::corrupt_batch;
  }
  return ByteView{buffer_}.subspan(position - held_position_, size);
}

}  // namespace sluice::storage

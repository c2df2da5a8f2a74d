#include "broker/server/receive_buffer.hpp"

#include <algorithm>
#include <cstring>
#include <new>

#include "protocol/base/assert.hpp"

namespace sluice::broker {
namespace {

constexpr std::size_t kPrefix = 4;

std::byte* allocate(std::size_t size) {
  auto* block = static_cast<std::byte*>(std::malloc(size));
  if (block == nullptr) throw std::bad_alloc{};
  return block;
}

}  // namespace

ReceiveBuffer::ReceiveBuffer(std::size_t frame_bytes_max)
    : frame_bytes_max_(frame_bytes_max), block_(allocate(kSmallest)) {}

std::optional<std::int32_t> ReceiveBuffer::announced() const noexcept {
  if (held() < kPrefix) return std::nullopt;
  return load_be<std::int32_t>(block_.get() + begin_);
}

std::size_t ReceiveBuffer::front_frame_size() const noexcept {
  const auto size = announced();
  return size && *size > 0 ? kPrefix + static_cast<std::size_t>(*size) : 0;
}

void ReceiveBuffer::move_to_front() noexcept {
  if (begin_ == 0) return;
  std::memmove(block_.get(), block_.get() + begin_, held());
  end_ -= begin_;
  begin_ = 0;
}

MutableBytes ReceiveBuffer::room() noexcept {
  SLUICE_ASSERT(handed_ == 0);
  const auto frame = front_frame_size();
  if (empty()) begin_ = end_ = 0;
  if (begin_ + std::max(frame, kPrefix) > capacity_ || end_ == capacity_) move_to_front();
  // However large the block, small frames come by its smallest size: what is left in it can then `retreat`.
  const auto limit = std::min(begin_ + std::max(frame, kSmallest), capacity_);
  return {block_.get() + end_, limit - end_};
}

ReceiveBuffer::Next ReceiveBuffer::next() noexcept {
  SLUICE_ASSERT(handed_ == 0);
  const auto size = announced();
  if (!size) return {Status::incomplete};
  if (*size <= 0) return {Status::bad_size};
  if (static_cast<std::size_t>(*size) > frame_bytes_max_) return {Status::too_large};
  if (held() < front_frame_size()) return {Status::incomplete};
  handed_ = front_frame_size();
  return {Status::frame, {block_.get() + begin_ + kPrefix, static_cast<std::size_t>(*size)}};
}

void ReceiveBuffer::release() noexcept {
  begin_ += handed_;
  handed_ = 0;
}

std::size_t ReceiveBuffer::growth_wanted() const noexcept {
  const auto frame = front_frame_size();
  if (frame > kPrefix + frame_bytes_max_) return 0;  // refused by `next`, never received
  return frame > capacity_ ? frame - capacity_ : 0;
}

void ReceiveBuffer::grow() {
  const auto size = capacity_ + growth_wanted();
  if (size == capacity_) return;
  std::unique_ptr<std::byte, Free> larger{allocate(size)};
  std::memcpy(larger.get(), block_.get() + begin_, held());
  block_ = std::move(larger);
  end_ -= begin_;
  begin_ = 0;
  capacity_ = size;
}

std::size_t ReceiveBuffer::shrink() {
  if (!empty() || capacity_ == kSmallest) return 0;
  const auto freed = grown_by();
  block_.reset(allocate(kSmallest));
  capacity_ = kSmallest;
  begin_ = end_ = 0;
  return freed;
}

std::size_t ReceiveBuffer::retreat() {
  if (capacity_ == kSmallest || held() > kSmallest) return 0;
  const auto freed = grown_by();
  std::unique_ptr<std::byte, Free> smallest{allocate(kSmallest)};
  std::memcpy(smallest.get(), block_.get() + begin_, held());
  block_ = std::move(smallest);
  capacity_ = kSmallest;
  end_ -= begin_;
  begin_ = 0;
  return freed;
}

void ReceiveBuffer::discard() noexcept {
  block_.reset();
  capacity_ = kSmallest;
  begin_ = end_ = handed_ = 0;
}

}  // namespace sluice::broker

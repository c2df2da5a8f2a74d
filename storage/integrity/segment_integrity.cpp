#include "storage/integrity/segment_integrity.hpp"

#include <algorithm>
#include <limits>

namespace sluice::storage {
namespace {

constexpr std::uint32_t kChunksPerWord = 64;
// A file has at most 2 GiB.
constexpr std::uint32_t kWordsMax =
    (std::numeric_limits<std::int32_t>::max() / SegmentIntegrity::kChunkBytes + 1) / kChunksPerWord;

constexpr std::uint64_t bit_of(std::uint32_t chunk) noexcept { return std::uint64_t{1} << (chunk % kChunksPerWord); }

}  // namespace

SegmentIntegrity::~SegmentIntegrity() { delete[] checked_.load(std::memory_order_acquire); }

bool SegmentIntegrity::is_checked(std::uint32_t position, std::uint32_t size) const noexcept {
  const auto found = unchecked_end();
  if (size == 0 || position >= found) return true;
  const auto* bits = checked_.load(std::memory_order_acquire);
  if (!bits) return false;
  const auto last = std::min<std::uint64_t>(std::uint64_t{position} + size, found) - 1;
  for (auto chunk = position / kChunkBytes; chunk <= last / kChunkBytes; ++chunk) {
    if ((bits[chunk / kChunksPerWord].load(std::memory_order_acquire) & bit_of(chunk)) == 0) return false;
  }
  return true;
}

bool SegmentIntegrity::is_sound(std::uint32_t position, std::uint32_t size) const noexcept {
  if (!is_checked(position, size)) return false;
  const auto known = damage();  // looked at after the marks, which are set after it
  return !known || !known->overlaps(position, size);
}

void SegmentIntegrity::mark_checked(std::uint32_t position, std::uint32_t end) {
  const auto found = unchecked_end();
  auto* bits = checked_.load(std::memory_order_acquire);
  if (!bits) {
    const std::lock_guard lock{mutex_};
    bits = checked_.load(std::memory_order_acquire);
    if (!bits) {
      bits = new Bits[kWordsMax]{};
      checked_.store(bits, std::memory_order_release);
    }
  }
  const auto first = position / kChunkBytes + (position % kChunkBytes == 0 ? 0 : 1);
  for (auto chunk = first; std::uint64_t{chunk} * kChunkBytes < std::min(end, found); ++chunk) {
    const auto chunk_end = (std::uint64_t{chunk} + 1) * kChunkBytes;
    if (chunk_end > end && end < found) break;
    bits[chunk / kChunksPerWord].fetch_or(bit_of(chunk), std::memory_order_acq_rel);
  }
}

bool SegmentIntegrity::add(const DamagedRange& range) {
  const std::lock_guard lock{mutex_};
  auto next = damage_ ? damage_->with(range) : DamageList{}.with(range);
  if (damage_ && next.ranges() == damage_->ranges()) return false;
  damage_ = std::make_shared<const DamageList>(std::move(next));
  damaged_.store(true, std::memory_order_release);
  return true;
}

std::shared_ptr<const DamageList> SegmentIntegrity::damage() const noexcept {
  if (!is_damaged()) return nullptr;
  const std::lock_guard lock{mutex_};
  return damage_;
}

void SegmentIntegrity::cut(std::uint32_t size) {
  const std::lock_guard lock{mutex_};
  if (size < unchecked_end()) unchecked_end_.store(size, std::memory_order_release);
  if (!damage_) return;
  auto next = damage_->cut_at(size);
  damaged_.store(!next.empty(), std::memory_order_release);
  damage_ = next.empty() ? nullptr : std::make_shared<const DamageList>(std::move(next));
}

}  // namespace sluice::storage

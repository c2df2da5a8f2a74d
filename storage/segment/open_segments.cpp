#include "storage/segment/open_segments.hpp"

#include <algorithm>

#include "storage/segment/segment.hpp"

namespace sluice::storage {

void OpenSegments::add(Segment& segment) {
  const std::lock_guard lock{mutex_};
  if (segment.ring_index_.load(std::memory_order_relaxed) != Segment::kNotRegistered) return;
  make_room();
  segment.ring_index_.store(ring_.size(), std::memory_order_release);
  ring_.push_back(&segment);
  count_.store(ring_.size(), std::memory_order_relaxed);
}

void OpenSegments::remove(Segment& segment) noexcept {
  if (segment.ring_index_.load(std::memory_order_relaxed) == Segment::kNotRegistered) return;
  const std::lock_guard lock{mutex_};
  const auto index = segment.ring_index_.load(std::memory_order_relaxed);
  if (index != Segment::kNotRegistered) take_out(index);
}

void OpenSegments::set_max(std::size_t max) {
  const std::lock_guard lock{mutex_};
  max_ = max;
  make_room();
}

void OpenSegments::take_out(std::size_t index) noexcept {
  ring_[index]->ring_index_.store(Segment::kNotRegistered, std::memory_order_release);
  if (index + 1 < ring_.size()) {
    ring_[index] = ring_.back();
    ring_[index]->ring_index_.store(index, std::memory_order_release);
  }
  ring_.pop_back();
  count_.store(ring_.size(), std::memory_order_relaxed);
}

// The kernel tells of a failed write-back whoever has the file open: what was not synced is closed only in need.
void OpenSegments::make_room() {
  while (ring_.size() >= max_ && !ring_.empty()) {
    if (!close_one(false) && !close_one(true)) return;
  }
}

// Twice around: the first time every segment that was used since the hand last passed gets another chance.
bool OpenSegments::close_one(bool unsynced_too) {
  for (auto steps = 2 * ring_.size(); steps > 0; --steps) {
    hand_ = hand_ < ring_.size() ? hand_ : 0;
    auto& candidate = *ring_[hand_];
    const bool was_used = candidate.used_.exchange(false, std::memory_order_relaxed);
    if (!was_used && (unsynced_too || !candidate.has_unsynced_bytes()) && candidate.try_park()) {
      take_out(hand_);
      return true;
    }
    ++hand_;
  }
  return false;
}

}  // namespace sluice::storage

#include "storage/compaction/key_offset_map.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <new>

#include "protocol/base/assert.hpp"

namespace sluice::storage {
namespace {

constexpr std::uint64_t kSlotsMin = 64;
constexpr std::uint64_t kSlotsMax = std::numeric_limits<std::uint32_t>::max();
// One table and the next larger one share the budget: 4/5 of it is for the last.
constexpr std::uint64_t kGrowth = 4;

}  // namespace

bool KeyOffsetMap::Slot::holds(const KeyHash& key) const noexcept { return std::memcmp(hash, &key, sizeof hash) == 0; }

KeyHash KeyOffsetMap::Slot::key() const noexcept {
  KeyHash key;
  std::memcpy(&key, hash, sizeof hash);
  return key;
}

KeyOffsetMap::Slots KeyOffsetMap::allocate(std::uint64_t count) {
  auto* slots = static_cast<Slot*>(std::calloc(count, sizeof(Slot)));
  if (slots == nullptr) throw std::bad_alloc{};
  return Slots{slots};
}

KeyOffsetMap::KeyOffsetMap(const KeyOffsetMapOptions& options)
    : load_factor_(std::clamp(options.load_factor, 0.01, 0.99)), first_offset_(options.first_offset) {
  const auto affordable = std::clamp<std::uint64_t>(options.bytes_max / sizeof(Slot), kSlotsMin, kSlotsMax);
  const auto wanted = static_cast<double>(options.keys_max) / load_factor_ + 2;
  const bool fits = wanted <= static_cast<double>(affordable / (kGrowth * kGrowth));
  slots_max_ = std::max(affordable * kGrowth / (kGrowth + 1), kSlotsMin);
  if (fits) slots_max_ = std::max(static_cast<std::uint64_t>(wanted), kSlotsMin);
  slot_count_ = fits ? slots_max_ : std::max(slots_max_ / (kGrowth * kGrowth), kSlotsMin);
  slots_ = allocate(slot_count_);
}

std::uint64_t KeyOffsetMap::limit(std::uint64_t slots) const noexcept {
  const auto share = static_cast<std::uint64_t>(static_cast<double>(slots) * load_factor_);
  return std::clamp<std::uint64_t>(share, 1, slots - 1);  // a free slot ends every search
}

std::uint64_t KeyOffsetMap::capacity() const noexcept { return limit(slots_max_); }

std::uint64_t KeyOffsetMap::find_slot(const KeyHash& hash) const noexcept {
  auto index = home(hash);
  while (slots_[index].position != 0 && !slots_[index].holds(hash)) {
    if (++index == slot_count_) index = 0;
  }
  return index;
}

bool KeyOffsetMap::put(const KeyHash& hash, Offset offset) {
  const auto above = offset - first_offset_;
  SLUICE_ASSERT(above >= 0, offset, first_offset_);
  if (above >= std::numeric_limits<std::uint32_t>::max()) return false;
  auto index = find_slot(hash);
  if (slots_[index].position == 0) {
    if (used_ >= limit(slot_count_)) {
      if (!grow()) return false;
      index = find_slot(hash);
    }
    std::memcpy(slots_[index].hash, &hash, sizeof hash);
    ++used_;
  }
  slots_[index].position = static_cast<std::uint32_t>(above) + 1;
  return true;
}

bool KeyOffsetMap::grow() {
  if (slot_count_ >= slots_max_) return false;
  const auto old_count = slot_count_;
  const auto old = std::move(slots_);
  slot_count_ = std::min(slot_count_ * kGrowth, slots_max_);
  slots_ = allocate(slot_count_);
  for (std::uint64_t i = 0; i < old_count; ++i) {
    if (old[i].position != 0) slots_[find_slot(old[i].key())] = old[i];
  }
  return true;
}

Offset KeyOffsetMap::find(const KeyHash& hash) const noexcept {
  const auto& slot = slots_[find_slot(hash)];
  return slot.position == 0 ? kNoOffset : first_offset_ + (std::int64_t{slot.position} - 1);
}

}  // namespace sluice::storage

#include "storage/integrity/damage.hpp"

#include <algorithm>

namespace sluice::storage {

const DamagedRange* DamageList::find_from(Offset offset) const noexcept {
  for (const auto& range : ranges_) {
    if (range.holds(offset) || range.first_offset > offset) return &range;
  }
  return nullptr;
}

std::uint32_t DamageList::end_below(Offset offset) const noexcept {
  std::uint32_t end = 0;
  for (const auto& range : ranges_) {
    if (range.next_offset <= offset) end = range.end_position;
  }
  return end;
}

std::uint32_t DamageList::skip(std::uint32_t position) const noexcept {
  for (const auto& range : ranges_) {
    if (range.position <= position && position < range.end_position) return range.end_position;
  }
  return position;
}

std::uint32_t DamageList::start_of(std::uint32_t position) const noexcept {
  for (const auto& range : ranges_) {
    if (range.position <= position && position < range.end_position) return range.position;
  }
  return position;
}

bool DamageList::overlaps(std::uint32_t position, std::uint32_t size) const noexcept {
  return std::any_of(ranges_.begin(), ranges_.end(), [&](const DamagedRange& range) {
    return range.position < std::uint64_t{position} + size && position < range.end_position;
  });
}

DamageList DamageList::with(DamagedRange range) const {
  DamageList list;
  for (const auto& other : ranges_) {
    if (other.position > range.end_position || other.end_position < range.position) {
      list.ranges_.push_back(other);
      continue;
    }
    range.position = std::min(range.position, other.position);
    range.end_position = std::max(range.end_position, other.end_position);
    range.first_offset = std::min(range.first_offset, other.first_offset);
    range.next_offset = std::max(range.next_offset, other.next_offset);
  }
  const auto after = std::find_if(list.ranges_.begin(), list.ranges_.end(),
                                  [&](const DamagedRange& other) { return other.position > range.position; });
  list.ranges_.insert(after, range);
  return list;
}

DamageList DamageList::cut_at(std::uint32_t size) const {
  DamageList list;
  for (const auto& range : ranges_) {
    if (range.position < size) list.ranges_.push_back(range);
  }
  return list;
}

}  // namespace sluice::storage

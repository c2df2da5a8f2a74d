#include "storage/segment/segment_set.hpp"

#include <algorithm>

namespace sluice::storage {

std::optional<std::size_t> find_floor(const SegmentList& list, Offset offset) noexcept {
  const auto above = std::upper_bound(list.begin(), list.end(), offset, [](Offset target, const auto& segment) {
    return target < segment->base_offset();
  });
  if (above == list.begin()) return std::nullopt;
  return static_cast<std::size_t>(above - list.begin()) - 1;
}

std::shared_ptr<const SegmentList> SegmentSet::list() const {
  const std::lock_guard lock{mutex_};
  return list_;
}

void SegmentSet::push_back(std::shared_ptr<Segment> segment) {
  auto list = *list_;
  list.push_back(std::move(segment));
  replace(std::move(list));
}

void SegmentSet::replace(SegmentList list) {
  auto next = std::make_shared<const SegmentList>(std::move(list));
  const std::lock_guard lock{mutex_};
  list_.swap(next);
}

}  // namespace sluice::storage

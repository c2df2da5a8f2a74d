#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "storage/segment/segment.hpp"

namespace sluice::storage {

/// A log's segments by ascending base offset; the last is the active one. Never empty once a log is open.
using SegmentList = std::vector<std::shared_ptr<Segment>>;

/// Index of the segment with the largest base offset <= `offset`; nullopt when all start above it.
std::optional<std::size_t> find_floor(const SegmentList& list, Offset offset) noexcept;

/// The current list. A change makes a new one; readers keep the one they took.
///
/// Threading: one writer (the log's append mutex), any number of readers of list().
class SegmentSet {
 public:
  std::shared_ptr<const SegmentList> list() const;

  // For the writer, who needs no lock to look.
  const SegmentList& segments() const noexcept { return *list_; }
  const std::shared_ptr<Segment>& active() const noexcept { return list_->back(); }

  void push_back(std::shared_ptr<Segment> segment);
  void replace(SegmentList list);

 private:
  mutable std::mutex mutex_;  // held for a pointer copy only
  std::shared_ptr<const SegmentList> list_ = std::make_shared<const SegmentList>();
};

}  // namespace sluice::storage

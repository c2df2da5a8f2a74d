#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

namespace sluice::broker::replication {

/// Which logs have to reach the disk by when (`flush.ms`): a heap, the earliest first. A log is in it from its first
/// append that is not synced on, so logs that are idle cost nothing and none is ever looked for.
///
/// Pure: no clock, no thread. `Log` is whatever names one; it may be in more than once.
template <class Log>
class FlushSchedule {
 public:
  using Instant = std::chrono::steady_clock::time_point;

  /// True when `due` is now the earliest: whoever sleeps until the one before must be woken. O(log n).
  bool add(Instant due, Log log) {
    const bool is_earliest = heap_.empty() || due < heap_.front().due;
    heap_.push_back({due, std::move(log)});
    std::push_heap(heap_.begin(), heap_.end(), is_later);
    return is_earliest;
  }

  std::optional<Instant> next_due() const {
    if (heap_.empty()) return std::nullopt;
    return heap_.front().due;
  }

  /// The earliest, where it is due at `now`.
  std::optional<Log> take_due(Instant now) {
    if (heap_.empty() || heap_.front().due > now) return std::nullopt;
    std::pop_heap(heap_.begin(), heap_.end(), is_later);
    auto log = std::move(heap_.back().log);
    heap_.pop_back();
    return log;
  }

  std::size_t size() const noexcept { return heap_.size(); }

 private:
  struct Entry {
    Instant due;
    Log log;
  };

  static bool is_later(const Entry& left, const Entry& right) { return left.due > right.due; }

  std::vector<Entry> heap_;
};

}  // namespace sluice::broker::replication

#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>

#include "protocol/base/ids.hpp"

namespace sluice::storage {

/// Where in a log that begins which was appended a moment ago: it lies in the page cache, without asking. Two marks
/// move on with the appends, by bytes and by time, so that what lies between them is bounded by both.
///
/// Threading: one appender; any number of readers of `holds`.
class RecentTail {
 public:
  static constexpr std::size_t kStepBytes = std::size_t{8} << 20;  // of the 8 to 16 MiB that count as recent
  static constexpr std::chrono::milliseconds kStepTime = std::chrono::seconds{5};  // of the 5 to 10 s

  void on_append(Offset base_offset, std::size_t bytes, Timestamp now) noexcept {
    const bool silent = age(last_append_.load(std::memory_order_relaxed), now) > kStepTime;
    if (silent || base_offset < mark_) {  // below the mark: the log was truncated
      mark_ = base_offset;
      move_on(base_offset, now);
    } else if (bytes_since_mark_ >= kStepBytes || age(marked_at_, now) > kStepTime) {
      move_on(base_offset, now);
    }
    bytes_since_mark_ += bytes;
    last_append_.store(now.value(), std::memory_order_release);
  }

  bool holds(Offset offset, Timestamp now) const noexcept {
    return age(last_append_.load(std::memory_order_acquire), now) <= kStepTime &&
           offset.value() >= start_.load(std::memory_order_acquire);
  }

 private:
  /// A clock that steps back makes everything look old rather than young.
  static std::chrono::milliseconds age(std::int64_t then, Timestamp now) noexcept {
    return std::chrono::milliseconds{now.value() >= then ? now.value() - then : kStepTime.count() + 1};
  }

  void move_on(Offset to, Timestamp now) noexcept {
    start_.store(mark_.value(), std::memory_order_release);
    mark_ = to;
    marked_at_ = now.value();
    bytes_since_mark_ = 0;
  }

  // The appender's alone.
  Offset mark_{0};
  std::int64_t marked_at_ = 0;
  std::size_t bytes_since_mark_ = 0;

  std::atomic<std::int64_t> start_{0};  // <= mark_
  // Long ago; not the smallest value, of which differences overflow.
  std::atomic<std::int64_t> last_append_{-kStepTime.count() - 1};
};

}  // namespace sluice::storage

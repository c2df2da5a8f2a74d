#pragma once

#include <atomic>
#include <cstddef>
#include <mutex>
#include <vector>

namespace sluice::storage {

class Segment;

/// Bounds the files that segments hold open, and with them the mappings: when one more comes into use, one that was
/// not used lately closes its own (CLOCK, which asks no lock of a segment in use). Two mappings and up to three
/// descriptors a segment.
///
/// The bound is exceeded only while every other segment is in the middle of an operation.
/// Threading: any. Never called with a segment's own lock held.
class OpenSegments {
 public:
  static constexpr std::size_t kDefaultMax = 256;  // fits the common limit of 1,024 descriptors

  explicit OpenSegments(std::size_t max) : max_(max) {}
  OpenSegments(const OpenSegments&) = delete;
  OpenSegments& operator=(const OpenSegments&) = delete;

  /// `segment` came into use and is not registered.
  void add(Segment& segment);
  /// `segment` goes away.
  void remove(Segment& segment) noexcept;

  std::size_t count() const noexcept { return count_.load(std::memory_order_relaxed); }
  void set_max(std::size_t max);

 private:
  void make_room();
  bool close_one(bool unsynced_too);
  void take_out(std::size_t index) noexcept;

  std::size_t max_;
  std::mutex mutex_;  // of all below; held while a victim closes its files, so that it can't go away meanwhile
  std::vector<Segment*> ring_;
  std::size_t hand_ = 0;
  std::atomic<std::size_t> count_{0};
};

}  // namespace sluice::storage

#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>

#include "storage/integrity/damage.hpp"

namespace sluice::storage {

/// What this process knows about the bytes of one `.log` file: which of them were held against their CRC since it was
/// opened, and which are damaged. Bytes that were appended since count as checked. Checked means looked at: what did
/// not hold is in damage().
///
/// Kept by chunks of the file; a chunk stands for the batches that *begin* in it. A segment that nobody reads has no
/// bitmap. Threading: any; is_checked takes no lock unless the segment is damaged.
class SegmentIntegrity {
 public:
  static constexpr std::uint32_t kChunkBytes = 1U << 20;

  SegmentIntegrity() = default;
  ~SegmentIntegrity();
  SegmentIntegrity(const SegmentIntegrity&) = delete;
  SegmentIntegrity& operator=(const SegmentIntegrity&) = delete;

  /// The first `size` bytes were there before this process: nobody has looked at them. Called before anybody reads.
  void found(std::uint32_t size) noexcept { unchecked_end_.store(size, std::memory_order_release); }
  /// What lies below was there before this process, what lies above was written or checked by it.
  std::uint32_t unchecked_end() const noexcept { return unchecked_end_.load(std::memory_order_acquire); }

  /// Whether all batches in the range were checked and none of them is damaged. Pre: it begins where a batch does.
  bool is_sound(std::uint32_t position, std::uint32_t size) const noexcept;
  /// Whether all batches that begin in the range were looked at.
  bool is_checked(std::uint32_t position, std::uint32_t size) const noexcept;

  /// Every batch that begins in [`position`, `end`) was looked at; whole chunks of it count. Damage is added before.
  void mark_checked(std::uint32_t position, std::uint32_t end);

  /// Returns whether it was not known yet.
  bool add(const DamagedRange& range);
  /// Null when there is none.
  std::shared_ptr<const DamageList> damage() const noexcept;
  bool is_damaged() const noexcept { return damaged_.load(std::memory_order_acquire); }

  /// When all of it was last read from the disk and checked; kNoTimestamp before.
  Timestamp scrubbed_at() const noexcept { return Timestamp{scrubbed_at_.load(std::memory_order_relaxed)}; }
  void set_scrubbed(Timestamp now) noexcept { scrubbed_at_.store(now.value(), std::memory_order_relaxed); }

  /// The file was cut: what is appended from now on is not what lay there before.
  void cut(std::uint32_t size);

 private:
  using Bits = std::atomic<std::uint64_t>;

  std::atomic<std::uint32_t> unchecked_end_{0};
  std::atomic<bool> damaged_{false};
  std::atomic<std::int64_t> scrubbed_at_{kNoTimestamp.value()};
  std::atomic<Bits*> checked_{nullptr};  // a bit a chunk of what was found; made with the first mark
  mutable std::mutex mutex_;             // guards damage_ and making checked_
  std::shared_ptr<const DamageList> damage_;
};

}  // namespace sluice::storage

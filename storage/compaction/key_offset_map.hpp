#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "protocol/base/ids.hpp"
#include "storage/compaction/key_hash.hpp"

namespace sluice::storage {

struct KeyOffsetMapOptions {
  std::size_t bytes_max = std::size_t{128} << 20;
  double load_factor = 0.9;    ///< share of the slots that may be in use
  Offset first_offset{0};      ///< of those that will be put
  std::uint64_t keys_max = 0;  ///< more are never put: keeps the map of a small log small
};

/// The last offset of each key, in bounded memory: open addressing over hashes of keys, 20 bytes a slot.
///
/// Grows in a few large steps, the old and the new table within `bytes_max` together, so that the memory used follows
/// the number of different keys. Full, it goes on taking offsets of keys that it knows.
/// Threading: one thread at a time.
class KeyOffsetMap {
 public:
  explicit KeyOffsetMap(const KeyOffsetMapOptions& options);

  /// Notes that `hash` was seen at `offset`. False: there is no room for one more key, or the offset is out of reach;
  /// nothing was changed. Pre: offsets ascend.
  bool put(const KeyHash& hash, Offset offset);

  /// kNoOffset when it was never put.
  Offset find(const KeyHash& hash) const noexcept;

  /// Brings a slot near, for a `put` or `find` that comes soon.
  void prefetch(const KeyHash& hash) const noexcept { __builtin_prefetch(slots_.get() + home(hash)); }

  std::uint64_t size() const noexcept { return used_; }
  std::uint64_t capacity() const noexcept;  ///< keys, at its largest

 private:
  // Hash, then the offset above the first one plus 1; 0 marks a free slot. Not of 64-bit words: they would be padded.
  struct Slot {
    std::uint32_t hash[4];
    std::uint32_t position;

    bool holds(const KeyHash& key) const noexcept;
    KeyHash key() const noexcept;
  };
  static_assert(sizeof(Slot) == 20);
  struct Free {
    void operator()(Slot* slots) const noexcept { std::free(slots); }
  };
  using Slots = std::unique_ptr<Slot[], Free>;

  static Slots allocate(std::uint64_t count);
  // Multiplication spreads the hash over any number of slots (Lemire, "Fast random integer generation in an interval").
  std::uint64_t home(const KeyHash& hash) const noexcept { return ((hash.high >> 32) * slot_count_) >> 32; }
  std::uint64_t find_slot(const KeyHash& hash) const noexcept;  // its own, or a free one
  std::uint64_t limit(std::uint64_t slots) const noexcept;
  bool grow();

  double load_factor_;
  Offset first_offset_;
  std::uint64_t slots_max_;
  std::uint64_t slot_count_;  // below 2^32
  std::uint64_t used_ = 0;
  Slots slots_;
};

}  // namespace sluice::storage

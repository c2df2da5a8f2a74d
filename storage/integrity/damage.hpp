#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "protocol/base/ids.hpp"

namespace sluice::storage {

/// Bytes of one `.log` file that hold no sound batch, and the offsets that are lost with them. Begins and ends where a
/// batch does. Without bytes: batches are missing that must have been there.
struct DamagedRange {
  Offset segment_base{0};
  std::uint32_t position = 0;
  std::uint32_t end_position = 0;
  Offset first_offset{0};
  Offset next_offset{0};  ///< the first that can be read again; first_offset where only bytes are in the way

  bool holds(Offset offset) const noexcept { return first_offset <= offset && offset < next_offset; }
  friend bool operator==(const DamagedRange&, const DamagedRange&) = default;
};

/// The damaged ranges of one segment, ascending, apart from each other. Immutable: a change makes a new one.
class DamageList {
 public:
  DamageList() = default;

  const std::vector<DamagedRange>& ranges() const noexcept { return ranges_; }
  bool empty() const noexcept { return ranges_.empty(); }

  /// The range that holds `offset`, or else the first one after it; null when nothing is lost from there on.
  const DamagedRange* find_from(Offset offset) const noexcept;
  /// Past the bytes of every range that ends at or below `offset`: where a walk that looks for it begins at the
  /// earliest.
  std::uint32_t end_below(Offset offset) const noexcept;
  /// `position`, or past the range that it is in: a walk goes on there.
  std::uint32_t skip(std::uint32_t position) const noexcept;
  /// `position`, or the start of the range that it is in: a batch, sound or not, begins there.
  std::uint32_t start_of(std::uint32_t position) const noexcept;
  bool overlaps(std::uint32_t position, std::uint32_t size) const noexcept;

  /// With one more, joined with those that it touches.
  DamageList with(DamagedRange range) const;
  /// Of a file cut at `size`.
  DamageList cut_at(std::uint32_t size) const;

 private:
  std::vector<DamagedRange> ranges_;
};

}  // namespace sluice::storage

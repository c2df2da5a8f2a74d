#pragma once

#include <cstdint>
#include <limits>

namespace sluice::wire {

/// Versions min..max of a message, both inclusive; empty (a removed API) when max < min.
struct VersionRange {
  std::int16_t min = 0;
  std::int16_t max = -1;

  constexpr bool contains(std::int16_t version) const noexcept { return version >= min && version <= max; }
  constexpr bool empty() const noexcept { return max < min; }
  bool operator==(const VersionRange&) const = default;
};

/// The first flexible version of a message that has none (KIP-482).
inline constexpr std::int16_t kNeverFlexible = std::numeric_limits<std::int16_t>::max();

}  // namespace sluice::wire

#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace sluice::wire {

/// A tagged field that this schema does not know at this version (KIP-482): kept, and written back in tag order.
struct UnknownTaggedField {
  std::uint32_t tag = 0;
  std::vector<std::byte> payload;

  bool operator==(const UnknownTaggedField&) const = default;
};

using UnknownTaggedFields = std::vector<UnknownTaggedField>;  ///< ascending tags

}  // namespace sluice::wire

#pragma once

#include <cstddef>

#include "protocol/base/bytes.hpp"
#include "tests/fuzz/random_bytes.hpp"

namespace sluice::fuzz {

inline constexpr std::size_t kInputBytesMax = std::size_t{64} << 10;

/// Changes `input` in one to a few ways that decoders get wrong: flipped bits, bytes set, integers of any width set to
/// extremes (lengths among them), varints that never end, cut tails, extensions, pieces repeated, removed, or taken
/// from `other`. Never longer than kInputBytesMax.
void mutate(Bytes& input, ByteView other, RandomBytes& random);

}  // namespace sluice::fuzz

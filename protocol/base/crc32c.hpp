#pragma once

#include <cstdint>

#include "protocol/base/bytes.hpp"

namespace sluice {

/// CRC-32C (Castagnoli, RFC 3720) of `bytes`, continued from `crc` (0 to begin).
std::uint32_t crc32c(ByteView bytes, std::uint32_t crc = 0) noexcept;

}  // namespace sluice

#include "protocol/base/crc32c.hpp"

#include <isa-l/crc.h>

namespace sluice {

std::uint32_t crc32c(ByteView bytes, std::uint32_t crc) noexcept {
  // ISA-L leaves both inversions to the caller, and takes an int length: go in pieces below 2 GiB.
  constexpr std::size_t kPiece = std::size_t{1} << 30;
  crc = ~crc;
  while (!bytes.empty()) {
    const auto size = bytes.size() < kPiece ? bytes.size() : kPiece;
    // Its parameter is not const, though it only reads.
    auto* data = reinterpret_cast<unsigned char*>(const_cast<std::byte*>(bytes.data()));
    crc = crc32_iscsi(data, static_cast<int>(size), crc);
    bytes = bytes.subspan(size);
  }
  return ~crc;
}

}  // namespace sluice

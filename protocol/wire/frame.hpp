#pragma once

#include <cstdint>
#include <optional>

#include "protocol/base/bytes.hpp"
#include "protocol/wire/writer.hpp"

/// A frame on a connection: int32 size, then that many bytes (a header and a body).
namespace sluice::wire {

inline constexpr std::size_t kFrameSizeBytes = 4;

/// The size that the first four bytes announce; nullopt when no frame may have it: not positive or above `size_max`,
/// for which a connection is closed. Pre: from.size() >= kFrameSizeBytes.
inline std::optional<std::size_t> frame_size(ByteView from, std::size_t size_max) noexcept {
  const auto size = load_be<std::int32_t>(from.data());
  if (size <= 0 || static_cast<std::size_t>(size) > size_max) return std::nullopt;
  return static_cast<std::size_t>(size);
}

/// Leaves room for the size at the start of a frame. Pre: the writer is empty.
inline void begin_frame(Writer& out) { out.int32(0); }

/// Fills in the size, spliced bytes included.
inline void end_frame(Writer& out) {
  const auto size = out.size() - kFrameSizeBytes + out.spliced_size();
  SLUICE_ASSERT(size <= INT32_MAX, size);
  store_be(out.mutable_bytes().data(), static_cast<std::int32_t>(size));
}

}  // namespace sluice::wire

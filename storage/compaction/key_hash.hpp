#pragma once

#include <cstdint>

#include "protocol/base/bytes.hpp"

namespace sluice::storage {

/// Stands for a key in a KeyOffsetMap: two keys with one hash would be taken for the same, so it is 128 bits wide.
struct KeyHash {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  friend bool operator==(const KeyHash&, const KeyHash&) = default;
};

/// A secret that nobody who writes keys knows: without it, keys that collide can't be made up.
struct KeyHashSecret {
  std::uint64_t first = 0;
  std::uint64_t second = 0;
};

/// SipHash with 128 bits of output (Aumasson, Bernstein: "SipHash: a fast short-input PRF"), with
/// `kCompressionRounds` for each 8 bytes and `kFinalRounds` at the end.
template <int kCompressionRounds, int kFinalRounds>
KeyHash sip_hash(ByteView key, const KeyHashSecret& secret) noexcept;

extern template KeyHash sip_hash<1, 3>(ByteView, const KeyHashSecret&) noexcept;
extern template KeyHash sip_hash<2, 4>(ByteView, const KeyHashSecret&) noexcept;

/// The fewer rounds are those that hash tables use.
inline KeyHash hash_key(ByteView key, const KeyHashSecret& secret) noexcept { return sip_hash<1, 3>(key, secret); }

}  // namespace sluice::storage

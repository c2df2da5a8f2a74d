#include "storage/compaction/key_hash.hpp"

#include <bit>
#include <cstring>

namespace sluice::storage {
namespace {

std::uint64_t load_little_endian(const std::byte* from, std::size_t bytes) noexcept {
  std::uint64_t word = 0;
  if constexpr (std::endian::native == std::endian::little) {
    std::memcpy(&word, from, bytes);
  } else {
    for (std::size_t i = 0; i < bytes; ++i) word |= std::to_integer<std::uint64_t>(from[i]) << (8 * i);
  }
  return word;
}

struct SipState {
  std::uint64_t v0;
  std::uint64_t v1;
  std::uint64_t v2;
  std::uint64_t v3;

  void rounds(int count) noexcept {
    for (int i = 0; i < count; ++i) {
      v0 += v1;
      v2 += v3;
      v1 = std::rotl(v1, 13) ^ v0;
      v3 = std::rotl(v3, 16) ^ v2;
      v0 = std::rotl(v0, 32);
      v2 += v1;
      v0 += v3;
      v1 = std::rotl(v1, 17) ^ v2;
      v3 = std::rotl(v3, 21) ^ v0;
      v2 = std::rotl(v2, 32);
    }
  }

  std::uint64_t fold() const noexcept { return v0 ^ v1 ^ v2 ^ v3; }
};

}  // namespace

template <int kCompressionRounds, int kFinalRounds>
KeyHash sip_hash(ByteView key, const KeyHashSecret& secret) noexcept {
  SipState state{secret.first ^ 0x736f6d6570736575, secret.second ^ 0x646f72616e646f6d ^ 0xee,
                 secret.first ^ 0x6c7967656e657261, secret.second ^ 0x7465646279746573};
  const auto absorb = [&](std::uint64_t word) {
    state.v3 ^= word;
    state.rounds(kCompressionRounds);
    state.v0 ^= word;
  };
  const auto whole = key.size() / 8 * 8;
  for (std::size_t at = 0; at < whole; at += 8) absorb(load_little_endian(key.data() + at, 8));
  const auto left = key.size() - whole;
  const auto tail = left > 0 ? load_little_endian(key.data() + whole, left) : 0;
  absorb(tail | std::uint64_t{key.size() & 0xff} << 56);

  KeyHash hash;
  state.v2 ^= 0xee;
  state.rounds(kFinalRounds);
  hash.high = state.fold();
  state.v1 ^= 0xdd;
  state.rounds(kFinalRounds);
  hash.low = state.fold();
  return hash;
}

template KeyHash sip_hash<1, 3>(ByteView, const KeyHashSecret&) noexcept;
template KeyHash sip_hash<2, 4>(ByteView, const KeyHashSecret&) noexcept;

}  // namespace sluice::storage

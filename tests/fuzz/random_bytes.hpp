#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace sluice::fuzz {

using Bytes = std::vector<std::byte>;

/// Numbers and bytes from a seed, the same on every machine (SplitMix64).
class RandomBytes {
 public:
  explicit RandomBytes(std::uint64_t seed) noexcept : state_(seed) {}

  std::uint64_t next() noexcept {
    state_ += 0x9e3779b97f4a7c15U;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
  }
  /// Pre: `bound` > 0.
  std::uint64_t below(std::uint64_t bound) noexcept { return next() % bound; }
  bool one_in(std::uint64_t n) noexcept { return below(n) == 0; }

  /// Of any magnitude, the limits of narrower types and values around them more often than chance has it.
  std::uint64_t extreme() noexcept {
    if (one_in(2)) return next() >> below(64);
    const std::uint64_t edge = std::uint64_t{1} << (one_in(2) ? 8 * below(8) : below(64));
    return edge + below(3) - 1;
  }

  void append_to(Bytes& bytes, std::size_t count) {
    for (; count > 0; --count) bytes.push_back(static_cast<std::byte>(next()));
  }

 private:
  std::uint64_t state_;
};

}  // namespace sluice::fuzz

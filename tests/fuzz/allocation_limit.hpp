#pragma once

#include <cstddef>

namespace sluice::fuzz {

/// While it lives, a single operator new of more than `bytes` in this thread fails the target on the spot, so that the
/// stack shows who trusted a number of the input.
class AllocationLimit {
 public:
  explicit AllocationLimit(std::size_t bytes) noexcept;
  ~AllocationLimit();
  AllocationLimit(const AllocationLimit&) = delete;
  AllocationLimit& operator=(const AllocationLimit&) = delete;
};

/// What decoding a frame of `size` bytes may take at once: a small constant, and for each byte at most what the largest
/// element of an array takes in memory against what it takes on the wire.
constexpr std::size_t justified_by(std::size_t size) noexcept { return (std::size_t{64} << 10) + 64 * size; }

/// The largest single allocation under any limit so far, and the largest ratio of one to its limit, in percent.
std::size_t largest_allocation() noexcept;
unsigned closest_to_limit_percent() noexcept;

}  // namespace sluice::fuzz

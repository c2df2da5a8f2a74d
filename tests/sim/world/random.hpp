#pragma once

#include <chrono>
#include <cstdint>
#include <utility>

#include "protocol/base/assert.hpp"

namespace sluice::sim {

/// Where a run's luck comes from: the same seed draws the same, in every build. (splitmix64)
class Random {
 public:
  using Duration = std::chrono::nanoseconds;

  explicit Random(std::uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15ULL + 0x5851f42d4c957f2dULL) {}

  std::uint64_t next() noexcept {
    auto z = (state_ += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }

  /// 0 to sides - 1.
  std::int64_t roll(std::int64_t sides) {
    SLUICE_ASSERT(sides > 0, sides);
    return static_cast<std::int64_t>(next() % static_cast<std::uint64_t>(sides));
  }
  std::size_t index(std::size_t size) { return static_cast<std::size_t>(roll(static_cast<std::int64_t>(size))); }
  bool per_mille(std::int64_t chance) { return roll(1000) < chance; }
  bool percent(std::int64_t chance) { return roll(100) < chance; }
  Duration within(Duration max) { return Duration{roll(max.count() + 1)}; }
  Duration between(Duration min, Duration max) { return min + within(max - min); }
  template <class Container>
  auto& pick(Container& from) {
    return from[index(from.size())];
  }
  template <class Value>
  Value one_of(std::initializer_list<Value> values) {
    return values.begin()[index(values.size())];
  }
  template <class Container>
  void shuffle(Container& items) {
    for (auto left = items.size(); left > 1; --left) std::swap(items[left - 1], items[index(left)]);
  }

  /// Luck of its own for a part, so that what it draws does not change what others draw.
  Random fork() { return Random{next()}; }

 private:
  std::uint64_t state_;
};

}  // namespace sluice::sim

#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>

namespace sluice::test::sim {

/// The one source of chance of a run (splitmix64): the same seed, the same run, on every machine.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    auto z = (state_ += 0x9e3779b97f4a7c15U);
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31U);
  }
  /// 0 <= result < end.
  int below(int end) { return static_cast<int>(next() % static_cast<std::uint64_t>(end)); }
  /// low <= result <= high.
  int between(int low, int high) { return low + below(high - low + 1); }
  bool one_in(int count) { return below(count) == 0; }
  bool per_mille(int chances) { return below(1000) < chances; }

  template <class Items>
  auto& pick(Items& items) {
    return *std::next(items.begin(), below(static_cast<int>(items.size())));
  }

 private:
  std::uint64_t state_;
};

}  // namespace sluice::test::sim

#pragma once

#include <cstddef>
#include <cstdint>
#include <random>

namespace sluice::storage {

/// What a crash does to that which was not synced.
enum class CrashPolicy {
  lose_unsynced,  ///< a power failure at its worst for whoever forgot to sync
  keep_unsynced,  ///< the process died, the machine did not
  random          ///< any subset that a disk and its file system may leave; torn between sectors
};

/// Decides what survives; the same seed decides the same.
class CrashDice {
 public:
  CrashDice(CrashPolicy policy, std::uint64_t seed) : policy_(policy), random_(seed) {}

  /// Draws how likely the next things are to be kept, the extremes included, so that runs differ in kind.
  void draw_odds() { odds_ = random_() % (kCertain + 1); }

  bool keeps() {
    if (policy_ != CrashPolicy::random) return policy_ == CrashPolicy::keep_unsynced;
    return random_() % kCertain < odds_;
  }

  /// How many of `count` ordered things survive: the first ones.
  std::size_t kept_prefix(std::size_t count) {
    if (policy_ != CrashPolicy::random) return policy_ == CrashPolicy::keep_unsynced ? count : 0;
    return random_() % (count + 1);
  }

 private:
  static constexpr std::uint64_t kCertain = 8;

  CrashPolicy policy_;
  std::mt19937_64 random_;  // not through std's distributions, which differ between libraries
  std::uint64_t odds_ = kCertain / 2;
};

}  // namespace sluice::storage

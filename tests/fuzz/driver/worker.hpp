#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <sys/types.h>

#include "tests/fuzz/driver/mutator.hpp"

namespace sluice::fuzz {

struct Run {
  std::uint64_t seed = 1;
  std::uint64_t iterations = 1'000'000;
  std::optional<std::chrono::seconds> time{};  ///< ends the run early
};

/// A process of its own that runs the target over and over. What it is at lies in memory shared with its parent, so
/// that the input survives whatever kills the worker: a sanitizer, a signal, a lack of memory, the parent for a hang.
class Worker {
 public:
  explicit Worker(const Run& run);
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker();

  std::uint64_t seed() const noexcept { return run_.seed; }
  std::uint64_t done() const noexcept { return shared_->done.load(std::memory_order_relaxed); }
  /// The input that is being looked at.
  ByteView input() const noexcept { return {shared_->input.data(), shared_->size}; }
  std::size_t largest_allocation() const noexcept { return shared_->largest_allocation; }
  unsigned closest_to_limit_percent() const noexcept { return shared_->closest_to_limit_percent; }

  enum class State { running, finished, failed, hung };
  /// Looks without waiting. A worker that takes longer than `hang` over one input is killed.
  State look(std::chrono::seconds hang);

 private:
  struct Shared {
    std::atomic<std::uint64_t> done{0};
    std::size_t largest_allocation = 0;
    unsigned closest_to_limit_percent = 0;
    std::size_t size = 0;
    std::array<std::byte, kInputBytesMax> input;
  };

  [[noreturn]] void work();

  Run run_;
  Shared* shared_;
  pid_t process_ = -1;
  State state_ = State::running;
  std::uint64_t seen_done_ = 0;
  std::chrono::steady_clock::time_point moved_ = std::chrono::steady_clock::now();
};

}  // namespace sluice::fuzz

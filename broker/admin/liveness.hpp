#pragma once

#include <atomic>
#include <chrono>
#include <list>
#include <mutex>
#include <optional>
#include <string>

namespace sluice::broker::admin {

/// Whether threads that must keep turning do: each beats from a timer of its own, and one that hasn't for long is
/// stuck.
///
/// Threading: a beat is one relaxed store by its thread; anybody adds and asks.
class Liveness {
 public:
  using Clock = std::chrono::steady_clock;

  class Heart {
   public:
    explicit Heart(std::string name, Clock::time_point now) : name_(std::move(name)), last_(now.time_since_epoch()) {}

    void beat(Clock::time_point now) noexcept { last_.store(now.time_since_epoch(), std::memory_order_relaxed); }
    const std::string& name() const noexcept { return name_; }
    Clock::time_point last() const noexcept { return Clock::time_point{last_.load(std::memory_order_relaxed)}; }

   private:
    std::string name_;
    std::atomic<Clock::duration> last_;
  };

  /// `silence_max`: how long a thread may go without a beat; several times the interval of the beats.
  explicit Liveness(Clock::duration silence_max) : silence_max_(silence_max) {}

  /// A heart for one thread, which begins alive and stays valid as long as this object.
  Heart& add(std::string name, Clock::time_point now);

  /// The name of a thread that is stuck at `now`, if there is one.
  std::optional<std::string> find_stuck(Clock::time_point now) const;

 private:
  const Clock::duration silence_max_;
  mutable std::mutex mutex_;
  std::list<Heart> hearts_;
};

}  // namespace sluice::broker::admin

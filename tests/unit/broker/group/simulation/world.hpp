#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <fmt/format.h>
#include <functional>
#include <queue>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/broker/group/simulation/random.hpp"

namespace sluice::test::sim {

using Time = std::chrono::milliseconds;

/// What a run found wrong.
class BrokenPromise : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// What happened in a run: its last lines, and a hash of all.
class Trace {
 public:
  void add(Time now, std::string_view line);
  std::uint64_t hash() const noexcept { return hash_; }
  std::uint64_t size() const noexcept { return size_; }
  std::string last_lines() const;

 private:
  std::deque<std::string> lines_;
  std::uint64_t hash_ = 0xcbf29ce484222325U;
  std::uint64_t size_ = 0;
};

/// Time, chance and what is to happen next: everything in a run is an action that is due at some moment.
class World {
 public:
  explicit World(std::uint64_t seed) : random(seed) {}

  Time now() const noexcept { return now_; }
  /// Actions that are due at the same moment happen in the order in which they were planned.
  void after(Time delay, std::function<void()> action);
  /// Time goes on to `until`, with all that is due.
  void run_until(Time until);
  /// What holds after every action.
  void always(std::function<void()> check) { checks_.push_back(std::move(check)); }

  template <class... Args>
  void note(fmt::format_string<Args...> text, Args&&... args) {
    line_.clear();
    fmt::format_to(std::back_inserter(line_), text, std::forward<Args>(args)...);
    trace.add(now_, {line_.data(), line_.size()});
  }
  /// Throws BrokenPromise unless `holds`.
  template <class... Args>
  void promise(bool holds, fmt::format_string<Args...> text, Args&&... args) {
    if (!holds) throw BrokenPromise{fmt::format(text, std::forward<Args>(args)...)};
  }

  Random random;
  Trace trace;

 private:
  struct Action {
    Time due;
    std::uint64_t number;
    std::function<void()> run;

    bool operator<(const Action& other) const {  // the queue's first is its greatest
      return std::pair{due, number} > std::pair{other.due, other.number};
    }
  };

  Time now_{0};
  std::uint64_t next_number_ = 0;
  std::priority_queue<Action> actions_;
  std::vector<std::function<void()>> checks_;
  fmt::memory_buffer line_;
};

}  // namespace sluice::test::sim

#pragma once

#include <array>
#include <cstdint>
#include <iosfwd>
#include <sstream>
#include <stdexcept>
#include <string>

#include "tests/sim/world/scheduler.hpp"

namespace sluice::sim {

/// A promise is broken. `what` begins with the invariant's name and a colon.
struct Violation : std::runtime_error {
  using std::runtime_error::runtime_error;
};

template <class... Values>
void require(bool condition, const char* promise, const Values&... values) {
  if (condition) [[likely]]
    return;
  std::ostringstream out;
  out << promise << ':';
  ((out << ' ' << values), ...);
  throw Violation(out.str());
}

/// What happened: its digest, by which two runs are compared, and the last of it in words, for whoever looks into a
/// failure. Words are put together only when they are read.
class Trace {
 public:
  explicit Trace(const Scheduler& clock);

  /// `what` is a literal. `node` 0: nobody's.
  void note(const char* what, std::int64_t node, std::int64_t a = 0, std::int64_t b = 0, std::int64_t c = 0);
  /// As note, of what is too common to be shown to anybody but those who asked for a log.
  void count(const char* what, std::int64_t node, std::int64_t a = 0, std::int64_t b = 0, std::int64_t c = 0);
  /// With words of its own, which do not count in the digest.
  void tell(std::int64_t node, const std::string& words);
  bool is_told() const noexcept { return aloud_; }
  std::uint64_t digest() const noexcept { return digest_; }
  std::string last_events() const;

 private:
  struct Note {
    Instant at{0};
    const char* what = nullptr;
    std::int64_t node = 0;
    std::array<std::int64_t, 3> values{};
    std::string words{};
  };
  static constexpr std::size_t kKept = 80;

  static void print(std::ostream& out, const Note& note);
  void digest(const Note& note);
  void keep(Note note);

  const Scheduler& clock_;
  const bool aloud_;
  std::uint64_t digest_ = 0;
  std::size_t next_ = 0;
  std::array<Note, kKept> notes_;
};

/// As environment variables have it, for those who run the tests.
std::int64_t number_from_environment(const char* variable, std::int64_t otherwise);

}  // namespace sluice::sim

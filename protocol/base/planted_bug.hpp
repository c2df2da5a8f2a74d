#pragma once

/// Bugs on purpose, for tests that must notice them: `if (SLUICE_BUG("raft: votes twice")) ...`.
///
/// Constant false, and no code, unless built with -DSLUICE_PLANTED_BUGS=ON. In such a build one bug at a time is
/// switched on, by `plant` or by the environment variable SLUICE_BUG. A name begins with its area. Never in a build for
/// use.
#ifdef SLUICE_PLANTED_BUGS

#include <cstdlib>
#include <string>
#include <string_view>

namespace sluice {

inline std::string& planted_bug() {
  static std::string name = [] {
    const char* set = std::getenv("SLUICE_BUG");
    return std::string{set == nullptr ? "" : set};
  }();
  return name;
}

/// While this lives, that bug is there and no other. Before threads start that would meet it; not nested.
class PlantedBug {
 public:
  explicit PlantedBug(std::string_view name) { planted_bug() = name; }
  ~PlantedBug() { planted_bug().clear(); }
  PlantedBug(const PlantedBug&) = delete;
  PlantedBug& operator=(const PlantedBug&) = delete;
};

}  // namespace sluice

#define SLUICE_BUG(name) (::sluice::planted_bug() == std::string_view{name})

#else

#define SLUICE_BUG(name) false

#endif

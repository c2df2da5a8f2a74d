#pragma once

#include <span>

#include "tests/sim/simulation.hpp"

namespace sluice::sim {

/// A short run that is told step by step, for what chance brings about too seldom.
struct Script {
  const char* name;
  Plan (*plan)();
  void (*play)(Simulation& simulation);  ///< throws Violation
};
std::span<const Script> scripts() noexcept;

}  // namespace sluice::sim

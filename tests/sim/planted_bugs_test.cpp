#include <catch2/catch.hpp>
#include <iomanip>
#include <iostream>
#include <spdlog/spdlog.h>

#include "protocol/base/planted_bug.hpp"
#include "tests/sim/simulation.hpp"

#ifdef SLUICE_PLANTED_BUGS

namespace sluice::sim {
namespace {

/// What runs of whole clusters must notice. Bugs of what they don't use are those of other tests: linearizable reads
/// and leases are the Raft core's own simulation's.
constexpr const char* kBugs[] = {
#include "tests/sim/planted_bugs.inc"
};

struct Caught {
  std::uint64_t seed = 0;
  Duration after{0};
  std::string how{};
};

std::optional<Caught> hunt(const char* name, std::uint64_t seeds, Duration faulty) {
  const PlantedBug bug{name};
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    Simulation simulation{seed};
    try {
      simulation.run(faulty);
    } catch (const Violation& violation) {
      return Caught{seed, simulation.simulated(), violation.what()};
    }
  }
  return std::nullopt;
}

}  // namespace

/// SLUICE_BUG_SEEDS: how many runs each may take. SLUICE_BUG_ONLY: a part of the names to be looked for.
TEST_CASE("every planted bug is caught", "[sim][planted]") {
  spdlog::set_level(spdlog::level::off);
  const auto seeds = static_cast<std::uint64_t>(number_from_environment("SLUICE_BUG_SEEDS", 60));
  const std::chrono::seconds faulty{number_from_environment("SLUICE_SIM_SECONDS", 300)};
  const char* only = std::getenv("SLUICE_BUG_ONLY");
  std::cout << std::left << std::setw(66) << "bug" << std::setw(6) << "seed" << std::setw(9) << "after s"
            << "caught by\n";
  for (const auto* name : kBugs) {
    if (only != nullptr && std::string_view{name}.find(only) == std::string_view::npos) continue;
    const auto caught = hunt(name, seeds, faulty);
    std::cout << std::setw(66) << name << std::setw(6) << (caught ? std::to_string(caught->seed) : "-") << std::setw(9)
              << (caught ? caught->after.count() / 1'000'000'000 : 0)
              << (caught ? caught->how.substr(0, caught->how.find(':')) : "not caught") << std::endl;
    INFO(name);
    CHECK(caught.has_value());
  }
}

}  // namespace sluice::sim

#endif

#include <catch2/catch.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <optional>
#include <spdlog/spdlog.h>

#include "protocol/base/planted_bug.hpp"
#include "tests/sim/scripts.hpp"
#include "tests/sim/simulation.hpp"

#ifdef SLUICE_PLANTED_BUGS

namespace sluice::sim {
namespace {

struct Planted {
  const char* name;
  const char* breaks;
  const char* test = nullptr;     ///< of broker_tests, which notices it; null: runs of clusters must
  const char* why_not = nullptr;  ///< it does no harm in a cluster
};

constexpr Planted kBugs[] = {
#define SLUICE_BUG_OF_CLUSTER(name, breaks) {name, breaks},
#define SLUICE_BUG_OF_WORLD(name, test, breaks) {name, breaks, test},
#define SLUICE_BUG_OF_PART(name, test, breaks, why_not) {name, breaks, test, why_not},
#include "tests/sim/planted_bugs.inc"
};

constexpr std::uint64_t kSeedsBeforeScripts = 10;

struct Caught {
  std::string where{};
  Duration after{0};
  std::string by{};
};

/// By an invariant, or, as good, by an assertion of the broker's own.
std::optional<Caught> notice(const std::string& where, Simulation& simulation,
                             const std::function<void(Simulation&)>& play) {
  try {
    play(simulation);
  } catch (const Violation& violation) {
    const std::string what = violation.what();
    return Caught{where, simulation.simulated(), what.substr(0, what.find(what.starts_with("it comes") ? "; " : ":"))};
  } catch (const std::logic_error& assertion) {
    const std::string what = assertion.what();
    return Caught{where, simulation.simulated(), what.substr(0, what.find(" ["))};
  }
  return std::nullopt;
}

std::optional<Caught> run_rough(const char* bug, std::uint64_t seed, Duration faulty) {
  const PlantedBug planted{bug};
  Simulation simulation{seed, rough_plan(seed)};
  return notice("seed " + std::to_string(seed), simulation, [faulty](Simulation& rough) { rough.run(faulty); });
}

/// What is noticed in a run that is not good without the bug either says nothing of it.
bool is_good_without(std::uint64_t seed, Duration faulty) {
  static std::map<std::uint64_t, bool> known;
  const auto [found, is_new] = known.try_emplace(seed, false);
  if (is_new) found->second = !run_rough("", seed, faulty);
  return found->second;
}

std::optional<Caught> play_scripts(const char* bug) {
  const PlantedBug planted{bug};
  for (const auto& script : scripts()) {
    Simulation simulation{7, script.plan()};
    if (auto caught = notice(script.name, simulation, script.play)) return caught;
  }
  return std::nullopt;
}

std::optional<Caught> hunt(const char* name, std::uint64_t seeds, Duration faulty) {
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    if (seed == kSeedsBeforeScripts) {
      if (auto caught = play_scripts(name)) return caught;
    }
    if (auto caught = run_rough(name, seed, faulty); caught && is_good_without(seed, faulty)) return caught;
  }
  return std::nullopt;
}

}  // namespace

/// Prints the table of PLANTED.md. SLUICE_BUG_SEEDS: how many runs each may take, SLUICE_SIM_SECONDS: of how much
/// faulty time each. SLUICE_BUG_ONLY: a part of the names to be looked for, also of those that others must notice.
TEST_CASE("every planted bug is caught", "[sim][planted]") {
  spdlog::set_level(spdlog::level::off);
  const auto seeds = static_cast<std::uint64_t>(number_from_environment("SLUICE_BUG_SEEDS", 150));
  const std::chrono::seconds faulty{number_from_environment("SLUICE_SIM_SECONDS", 45)};
  const char* only = std::getenv("SLUICE_BUG_ONLY");
  std::puts("| Bug | What it breaks | Run | After s | Caught by |\n|---|---|---|---:|---|");
  for (const auto& bug : kBugs) {
    if (only != nullptr && std::string_view{bug.name}.find(only) == std::string_view::npos) continue;
    if (bug.test != nullptr && only == nullptr) {
      std::printf("| %s | %s | broker_tests | | \"%s\"%s%s |\n", bug.name, bug.breaks, bug.test,
                  bug.why_not == nullptr ? "" : "; in a cluster ", bug.why_not == nullptr ? "" : bug.why_not);
      continue;
    }
    const auto caught = hunt(bug.name, seeds, faulty);
    const auto seconds = caught ? static_cast<double>(caught->after.count()) / 1e9 : 0.0;
    std::printf("| %s | %s | %s | %.1f | %s |\n", bug.name, bug.breaks, caught ? caught->where.c_str() : "-", seconds,
                caught ? caught->by.c_str() : "NOT CAUGHT");
    std::fflush(stdout);
    INFO(bug.name);
    CHECK((caught.has_value() || bug.test != nullptr));
  }
}

}  // namespace sluice::sim

#endif

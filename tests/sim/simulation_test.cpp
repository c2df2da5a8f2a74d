#include "tests/sim/simulation.hpp"

#include <catch2/catch.hpp>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <iostream>
#include <spdlog/spdlog.h>

namespace sluice::sim {
namespace {

void hush() {
  if (number_from_environment("SLUICE_SIM_LOG", 0) < 2) spdlog::set_level(spdlog::level::off);
}

/// SLUICE_SEED replays one run, or is where SLUICE_RUNS of them begin; each has SLUICE_SIM_SECONDS of faults.
void run_many(const std::function<Plan(std::uint64_t)>& plan_of, std::int64_t runs_usual, std::int64_t seconds_usual) {
  hush();
  const auto first = number_from_environment("SLUICE_SEED", 1);
  const auto runs = number_from_environment("SLUICE_RUNS", std::getenv("SLUICE_SEED") == nullptr ? runs_usual : 1);
  const auto faulty = std::chrono::seconds{number_from_environment("SLUICE_SIM_SECONDS", seconds_usual)};
  std::map<std::string, std::uint64_t> counts;
  Duration simulated{0};
  const auto began = std::clock();
  for (auto seed = first; seed < first + runs; ++seed) {
    Simulation simulation{static_cast<std::uint64_t>(seed), plan_of(static_cast<std::uint64_t>(seed))};
    std::string broken;
    try {
      simulation.run(faulty);
    } catch (const std::exception& violation) {
      broken = violation.what();
    }
    simulated += simulation.simulated();
    for (const auto& [what, times] : simulation.counts()) counts[what] += times;
    counts["events"] += simulation.events();
    if (broken.empty()) continue;
    std::cout << simulation.describe_failure() << "SLUICE_SEED=" << seed << ' ' << broken << std::endl;
    CHECK(broken == "");
  }
  const auto cpu = static_cast<double>(std::clock() - began) / CLOCKS_PER_SEC;
  const auto hours = static_cast<double>(simulated.count()) / 3.6e12;
  std::cout << runs << " runs, " << hours << " simulated hours in " << cpu << " s of CPU: " << hours * 3600 / cpu
            << " simulated hours per hour\n";
  for (const auto& [what, times] : counts) std::cout << "  " << what << ": " << times << '\n';
}

}  // namespace

TEST_CASE("clusters keep their promises under every fault, and recover", "[sim]") {
  run_many([](std::uint64_t) { return Plan{}; }, 500, 600);
}

TEST_CASE("clusters keep their promises where everything happens at once", "[.][sim][rough]") {
  run_many(rough_plan, 200, 60);
}

TEST_CASE("the same seed is the same run", "[sim]") {
  hush();
  for (const std::uint64_t seed : {3, 14, 159}) {
    Simulation once{seed};
    Simulation again{seed};
    std::string first;
    std::string second;
    try {
      once.run(60s);
    } catch (const Violation& violation) {
      first = violation.what();
    }
    try {
      again.run(60s);
    } catch (const Violation& violation) {
      second = violation.what();
    }
    CHECK(once.digest() == again.digest());
    CHECK(once.events() == again.events());
    CHECK(first == second);
  }
}

}  // namespace sluice::sim

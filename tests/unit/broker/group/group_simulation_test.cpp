#include "tests/unit/broker/group/simulation/group_simulation.hpp"

#include <catch2/catch.hpp>
#include <cstdint>
#include <cstdlib>

// Simulated groups. SLUICE_SEED=n replays one run, SLUICE_RUNS=n makes more of them, SLUICE_TRACE=1 prints all that
// happens.

namespace sluice::test::sim {
namespace {

std::uint64_t number_from_environment(const char* name, std::uint64_t otherwise) {
  const auto* text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 0) : otherwise;
}

Outcome run(Kind kind, std::uint64_t seed) {
  INFO("replay with SLUICE_SEED=" << seed);
  GroupSimulation simulation{kind, seed};
  try {
    return simulation.run();
  } catch (const BrokenPromise& broken) {
    FAIL(simulation.trace().last_lines() << "SLUICE_SEED=" << seed << ": " << broken.what());
  }
  return {};
}

/// Of 2,000 seeds, unless something else is asked for.
void run_all(Kind kind) {
  const auto first = number_from_environment("SLUICE_SEED", 1);
  const auto runs = number_from_environment("SLUICE_RUNS", std::getenv("SLUICE_SEED") ? 1 : 2000);
  std::size_t given = 0;
  for (auto seed = first; seed < first + runs; ++seed) given += run(kind, seed).partitions_given;
  CHECK((runs < 100 || given > 20 * runs));
}

}  // namespace

TEST_CASE("groups of the classic protocol keep their promises, whatever happens", "[group][simulation]") {
  run_all(Kind::classic);
}

TEST_CASE("groups of the consumer protocol keep their promises, whatever happens", "[group][simulation]") {
  run_all(Kind::consumer);
}

TEST_CASE("groups of the classic and the consumer protocol at once keep their promises", "[group][simulation]") {
  run_all(Kind::mixed);
}

TEST_CASE("one seed is one simulated run, line by line", "[group][simulation]") {
  for (const auto kind : {Kind::classic, Kind::consumer}) {
    const auto once = run(kind, 7);
    const auto again = run(kind, 7);
    CHECK(once.trace_hash == again.trace_hash);
    CHECK(once.trace_lines > 100);
    CHECK(run(kind, 8).trace_hash != once.trace_hash);
  }
}

}  // namespace sluice::test::sim

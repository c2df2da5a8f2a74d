#include <catch2/catch.hpp>
#include <cstdlib>

#include "tests/unit/storage/log/log_program.hpp"

// Random programs. SLUICE_SEED=n replays one run, SLUICE_RUNS=n makes more of them.

namespace sluice::storage {
namespace {

std::uint64_t number_from_environment(const char* name, std::uint64_t otherwise) {
  const auto* text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 0) : otherwise;
}

std::uint64_t runs_or(std::uint64_t otherwise) {
  return number_from_environment("SLUICE_RUNS", std::getenv("SLUICE_SEED") ? 1 : otherwise);
}

TEST_CASE("a log does what a list of batches does, through crashes and reopenings", "[log][property]") {
  const auto first = number_from_environment("SLUICE_SEED", 1);
  const auto runs = runs_or(2000);
  for (auto seed = first; seed < first + runs; ++seed) {
    INFO("replay with SLUICE_SEED=" << seed);
    LogProgram{seed}.run(60);
  }
}

// Every call of a program, its recoveries' included, is once the last that the machine made: between two calls there is
// nothing to lose, and what a call left half done is the crash's to decide.
TEST_CASE("a log survives a power failure at every call to the file system", "[log][property][stops]") {
  constexpr int kSteps = 30;
  const auto first = number_from_environment("SLUICE_SEED", 1);
  const auto runs = (runs_or(2000) + 99) / 100;
  for (auto seed = first; seed < first + runs; ++seed) {
    LogProgram whole{seed};
    const auto calls_before = whole.calls();
    whole.run(kSteps, false);
    for (auto call = calls_before + 1; call <= whole.calls(); ++call) {
      const auto policy =
          std::array{CrashPolicy::lose_unsynced, CrashPolicy::keep_unsynced, CrashPolicy::random}[(seed + call) % 3];
      INFO("replay with SLUICE_SEED=" << seed << ", call " << call << " of " << whole.calls());
      LogProgram{seed, LogProgram::Stop{call, policy}}.run(kSteps, false);
    }
  }
}

}  // namespace
}  // namespace sluice::storage

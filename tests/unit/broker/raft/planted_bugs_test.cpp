#include "protocol/base/planted_bug.hpp"

#ifdef SLUICE_PLANTED_BUGS

#include <catch2/catch.hpp>
#include <cstdlib>
#include <iostream>

#include "tests/unit/broker/raft/raft_simulation.hpp"

namespace sluice::test {
namespace {

struct Caught {
  std::uint64_t seed = 0;
  std::size_t events = 0;
  std::string promise;
};

/// The first seed whose run notices the bug.
std::optional<Caught> catch_bug(std::string_view name, std::uint64_t seeds) {
  const PlantedBug bug{name};
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    RaftSimulation simulation{seed};
    try {
      simulation.run();
    } catch (const std::exception& violation) {
      const std::string what = violation.what();
      return Caught{seed, simulation.events(), what.substr(0, what.find('\n'))};
    }
  }
  return std::nullopt;
}

}  // namespace

/// SLUICE_BUG names one; SLUICE_RUNS is how many seeds it may take. (That of the store, "raft store: entries are not
/// synced", is for the crash tests: with SLUICE_BUG set to it, they fail.)
TEST_CASE("bugs planted in Raft are noticed by its simulation", "[raft][planted]") {
  const char* runs = std::getenv("SLUICE_RUNS");
  const char* only = std::getenv("SLUICE_BUG");
  const std::uint64_t seeds = runs == nullptr ? 5000 : std::strtoull(runs, nullptr, 10);
  for (const char* name :
       {"raft: votes twice in a term", "raft: forgets its vote when it restarts",
        "raft: tells a vote before it is durable", "raft: votes for a shorter log",
        "raft: votes although a leader is heard", "raft: acknowledges before it is durable",
        "raft: counts its own entries before they are durable", "raft: counts who is no voter",
        "raft: commits entries of older terms by counting", "raft: compares no terms",
        "raft: an old append cuts off newer entries", "raft: applies what is not committed",
        "raft: an old snapshot takes the log back", "raft: reads without a round",
        "raft: reads before an entry of its term is committed", "raft: keeps its lease while it hands over",
        "raft: changes voters before it committed anything"}) {
    if (only != nullptr && *only != '\0' && only != std::string_view{name}) continue;
    INFO(name);
    const auto caught = catch_bug(name, seeds);
    CHECK(caught);
    if (caught) {
      std::cout << name << ": seed " << caught->seed << ", " << caught->events << " events: " << caught->promise
                << '\n';
    } else {
      std::cout << name << ": NOT NOTICED\n";
    }
  }
}

}  // namespace sluice::test

#endif

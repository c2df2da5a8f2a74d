#include "tests/unit/broker/raft/raft_simulation.hpp"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <iostream>

namespace sluice::test {
namespace {

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

}  // namespace

/// SLUICE_SEED replays one run, or is where SLUICE_RUNS of them begin.
TEST_CASE("clusters keep Raft's promises under every fault, and recover", "[raft]") {
  const auto first = number_from("SLUICE_SEED", 1);
  const auto count = number_from("SLUICE_RUNS", std::getenv("SLUICE_SEED") == nullptr ? 150 : 1);
  const bool talks = std::getenv("SLUICE_RUNS") != nullptr;
  std::map<std::string, std::size_t> counts;
  for (auto seed = first; seed < first + count; ++seed) {
    INFO("SLUICE_SEED=" << seed);
    RaftSimulation simulation{seed};
    REQUIRE_NOTHROW(simulation.run());
    for (const auto& [what, times] : simulation.counts()) counts[what] += times;
    counts["event"] += simulation.events();
    counts["commit"] += static_cast<std::size_t>(simulation.commit_index().value());
  }
  if (talks) {
    for (const auto& [what, times] : counts) std::cout << what << ": " << times << '\n';
  }
  if (count < 100) return;
  // Whatever is promised above was put to the test.
  for (const auto* what : {"add", "crash", "install", "partition", "read", "remove", "snapshot", "transfer", "wipe"}) {
    INFO(what);
    CHECK(counts[what] >= count / 10);
  }
  CHECK(counts["leader"] > 2 * count);
  CHECK(counts["proposal"] > 20 * count);
}

TEST_CASE("the same seed is the same run", "[raft]") {
  for (const std::uint64_t seed : {3, 14, 159}) {
    RaftSimulation once{seed};
    RaftSimulation again{seed};
    REQUIRE_NOTHROW(once.run());
    REQUIRE_NOTHROW(again.run());
    CHECK(once.trace_hash() == again.trace_hash());
    CHECK(once.events() == again.events());
  }
}

}  // namespace sluice::test

#include "tests/unit/broker/replication/replica_world.hpp"

#include <catch2/catch.hpp>
#include <cstdio>
#include <spdlog/spdlog.h>

#include "protocol/base/planted_bug.hpp"

namespace sluice::test {
namespace {

struct Outcome {
  std::optional<std::string> wrong;
  std::size_t acknowledged = 0;
  int elections = 0;
  int cuts = 0;
};

Outcome run(const ReplicaWorld::Options& options, int steps = 2000) {
  const auto level = spdlog::get_level();
  spdlog::set_level(spdlog::level::off);
  ReplicaWorld world{options};
  Outcome outcome;
  for (int i = 0; i < steps && !outcome.wrong; ++i) {
    world.step();
    outcome.wrong = world.find_wrong();
  }
  if (!outcome.wrong) outcome.wrong = world.settle();
  outcome.acknowledged = world.acknowledged_count();
  outcome.elections = world.elections();
  outcome.cuts = world.cuts();
  spdlog::set_level(level);
  return outcome;
}

}  // namespace

TEST_CASE("acknowledged records survive on every replica that may lead, whatever happens", "[replica_world]") {
  const auto seed = GENERATE(range(1U, 11U));
  const auto synced = GENERATE(false, true);
  const auto min_in_sync = GENERATE(1, 2);
  CAPTURE(seed, synced, min_in_sync);
  const auto outcome = run({.seed = seed, .synced = synced, .min_in_sync = min_in_sync});
  CHECK(outcome.wrong.value_or("") == "");
}

TEST_CASE("the replicas' world has elections, cuts and acknowledgements", "[replica_world]") {
  const auto synced = GENERATE(false, true);
  Outcome sum;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    const auto outcome = run({.seed = seed, .synced = synced, .min_in_sync = 2});
    sum.acknowledged += outcome.acknowledged;
    sum.elections += outcome.elections;
    sum.cuts += outcome.cuts;
  }
  CHECK(sum.acknowledged > 100);
  CHECK(sum.elections > 50);
  CHECK(sum.cuts > 10);
}

// Half a minute's worth, on demand.
TEST_CASE("many more runs of the replicas' world", "[.][replica_world_long]") {
  for (std::uint64_t seed = 1000; seed < 2000; ++seed) {
    for (const bool synced : {false, true}) {
      for (const int min_in_sync : {1, 2}) {
        CAPTURE(seed, synced, min_in_sync);
        const auto outcome = run({.seed = seed, .synced = synced, .min_in_sync = min_in_sync});
        REQUIRE(outcome.wrong.value_or("") == "");
      }
    }
  }
}

#ifdef SLUICE_PLANTED_BUGS
TEST_CASE("the replicas' world notices bugs", "[replica_world_bugs]") {
  const auto* const bug = GENERATE(
      as<const char*>{}, "replication: acknowledges below min.insync.replicas",
      "replication: the high watermark counts what is not synced",
      "replication: the high watermark counts the committed ISR alone",
      "replication: a change of the ISR that nobody answered is forgotten",
      "replication: leads on when another was elected", "replication: produces that wait outlive the leadership",
      "replication: a new leader takes its log end for replicated",
      "replication: an epoch begins at the high watermark", "replication: a new follower cuts to its high watermark",
      "replication: appends what comes after leadership", "replication: a follower keeps what its leader lacks",
      "replication: a follower's high watermark is beyond its log");
  const PlantedBug planted{bug};
  CAPTURE(bug);
  std::optional<std::string> noticed;
  for (std::uint64_t seed = 1; seed <= 1000 && !noticed; ++seed) {
    for (const bool synced : {false, true}) {
      const auto outcome = run({.seed = seed, .synced = synced, .min_in_sync = 2});
      if (!outcome.wrong) continue;
      noticed = outcome.wrong;
      std::printf("%s: seed %d, synced %d: %s\n", bug, static_cast<int>(seed), synced, noticed->c_str());
      break;
    }
  }
  CHECK(noticed.has_value());
}
#endif

}  // namespace sluice::test

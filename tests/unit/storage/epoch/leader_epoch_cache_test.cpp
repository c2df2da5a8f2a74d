#include "storage/epoch/leader_epoch_cache.hpp"

#include <catch2/catch.hpp>

namespace sluice::storage {
namespace {

const std::vector<EpochStart> kThree{
    {LeaderEpoch{2}, Offset{10}}, {LeaderEpoch{4}, Offset{20}}, {LeaderEpoch{5}, Offset{30}}};

TEST_CASE("an epoch ends where the next one begins", "[epoch]") {
  const LeaderEpochCache cache{kThree};
  CHECK(cache.latest() == LeaderEpoch{5});
  CHECK(cache.end_of(LeaderEpoch{2}, Offset{35}) == EpochEnd{LeaderEpoch{2}, Offset{20}});
  CHECK(cache.end_of(LeaderEpoch{5}, Offset{35}) == EpochEnd{LeaderEpoch{5}, Offset{35}});

  SECTION("one that wrote nothing here answers with the largest below it") {
    CHECK(cache.end_of(LeaderEpoch{3}, Offset{35}) == EpochEnd{LeaderEpoch{2}, Offset{20}});
  }
  SECTION("one before all ends where the log begins") {
    CHECK(cache.end_of(LeaderEpoch{1}, Offset{35}) == EpochEnd{LeaderEpoch{1}, Offset{10}});
  }
  SECTION("one that is not known yet has no end") {
    CHECK(cache.end_of(LeaderEpoch{6}, Offset{35}) == EpochEnd{});
    CHECK(cache.end_of(kNoLeaderEpoch, Offset{35}) == EpochEnd{});
    CHECK(LeaderEpochCache{}.end_of(LeaderEpoch{0}, Offset{0}) == EpochEnd{});
  }
}

TEST_CASE("epochs and their starts always grow", "[epoch]") {
  LeaderEpochCache cache{kThree};
  CHECK_FALSE(cache.assign(LeaderEpoch{5}, Offset{40}));
  CHECK(cache.entries() == kThree);
  CHECK(cache.assign(LeaderEpoch{7}, Offset{25}));
  CHECK(cache.entries() == std::vector<EpochStart>{kThree[0], kThree[1], {LeaderEpoch{7}, Offset{25}}});
  CHECK(cache.assign(LeaderEpoch{8}, Offset{20}));
  CHECK(cache.entries() == std::vector<EpochStart>{kThree[0], {LeaderEpoch{8}, Offset{20}}});
  CHECK_FALSE(cache.assign(kNoLeaderEpoch, Offset{50}));
}

TEST_CASE("a cut at the end takes the epochs that began there", "[epoch]") {
  LeaderEpochCache cache{kThree};
  CHECK_FALSE(cache.truncate_from_end(Offset{31}));
  CHECK(cache.truncate_from_end(Offset{20}));
  CHECK(cache.entries() == std::vector<EpochStart>{kThree[0]});
}

TEST_CASE("a cut at the start moves the start of the epoch that holds it", "[epoch]") {
  LeaderEpochCache cache{kThree};
  CHECK_FALSE(cache.truncate_from_start(Offset{5}));
  CHECK_FALSE(cache.truncate_from_start(Offset{10}));
  CHECK(cache.truncate_from_start(Offset{25}));
  CHECK(cache.entries() == std::vector<EpochStart>{{LeaderEpoch{4}, Offset{25}}, kThree[2]});
  CHECK(cache.truncate_from_start(Offset{90}));
  CHECK(cache.entries() == std::vector<EpochStart>{{LeaderEpoch{5}, Offset{90}}});
}

}  // namespace
}  // namespace sluice::storage

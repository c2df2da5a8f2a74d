#include "broker/replication/isr.hpp"

#include <catch2/catch.hpp>

namespace sluice::broker::replication {
namespace {

using namespace std::chrono_literals;
using controller::BrokerEpoch;
using controller::PartitionEpoch;
using controller::PartitionImage;

constexpr Isr::Instant kStart{std::chrono::hours{1}};
constexpr auto kLagMax = 30s;
constexpr BrokerId kSelf{1};

std::vector<BrokerId> brokers(std::initializer_list<int> ids) {
  std::vector<BrokerId> named;
  for (const auto id : ids) named.emplace_back(id);
  return named;
}

PartitionImage image_of(std::initializer_list<int> isr, int partition_epoch = 0) {
  return {.replicas = brokers({1, 2, 3}),
          .isr = brokers(isr),
          .leader = kSelf,
          .leader_epoch = LeaderEpoch{5},
          .partition_epoch = PartitionEpoch{partition_epoch}};
}

/// A leader whose epoch begins at 10.
struct Leader {
  explicit Leader(std::initializer_list<int> members = {1, 2, 3}, Offset epoch_start = Offset{10})
      : isr{kSelf, image_of(members), epoch_start, kStart} {}

  void fetch(int follower, int position, Isr::Instant at, std::optional<int> leader_end = std::nullopt) {
    REQUIRE(
        isr.on_fetch({BrokerId{follower}, BrokerEpoch{100}}, Offset{position}, Offset{leader_end.value_or(end)}, at));
  }
  std::optional<Offset> replicated(int min_in_sync = 1) const {
    return isr.replicated_end({Offset{end}, Offset{synced}}, false, min_in_sync);
  }
  std::optional<Offset> replicated_synced() const { return isr.replicated_end({Offset{end}, Offset{synced}}, true, 1); }
  std::optional<std::vector<BrokerId>> wanted(Isr::Instant at, int high_watermark, bool by_sync = false) const {
    const auto members = isr.wanted(Offset{end}, Offset{high_watermark}, kLagMax, at, by_sync);
    if (!members) return std::nullopt;
    std::vector<BrokerId> ids;
    for (const auto& member : *members) ids.push_back(member.id);
    return ids;
  }
  void send(Isr::Instant at, int high_watermark) {
    auto members = isr.wanted(Offset{end}, Offset{high_watermark}, kLagMax, at);
    REQUIRE(members.has_value());
    isr.on_change_sent(std::move(*members));
  }

  Isr isr;
  int end = 20;
  int synced = 20;
};

}  // namespace

TEST_CASE("the replicated end is that of the slowest member of the ISR", "[isr]") {
  Leader leader;
  CHECK(leader.replicated() == kNoOffset);  // who has what is yet to be told
  leader.fetch(2, 20, kStart);
  CHECK(leader.replicated() == kNoOffset);
  leader.fetch(3, 14, kStart);
  CHECK(leader.replicated() == Offset{14});
  leader.fetch(3, 20, kStart);
  CHECK(leader.replicated() == Offset{20});
}

TEST_CASE("a replica outside the ISR that is far behind holds nothing back", "[isr]") {
  Leader leader{{1, 2}};
  leader.fetch(2, 20, kStart);
  leader.fetch(3, 4, kStart);
  CHECK(leader.replicated() == Offset{20});
}

TEST_CASE("nothing is replicated while fewer than min.insync.replicas are in sync", "[isr]") {
  Leader leader{{1, 2}};
  leader.fetch(2, 20, kStart);
  CHECK(leader.replicated(2) == Offset{20});
  CHECK_FALSE(leader.replicated(3).has_value());
  SECTION("one that is about to join does not count yet") {
    leader.fetch(3, 20, kStart);
    leader.send(kStart, 20);
    CHECK_FALSE(leader.replicated(3).has_value());
  }
  SECTION("no more are asked for than there are replicas") {
    leader.isr.apply(image_of({1, 2, 3}, 1));
    leader.fetch(3, 20, kStart);
    CHECK(leader.replicated(7) == Offset{20});
  }
}

TEST_CASE("where synced ends count, what is only in memory does not", "[isr]") {
  Leader leader{{1, 2}};
  leader.fetch(2, 20, kStart);
  CHECK(leader.replicated_synced() == kNoOffset);
  leader.isr.on_synced(BrokerId{2}, Offset{17});
  CHECK(leader.replicated_synced() == Offset{17});
  leader.isr.on_synced(BrokerId{2}, Offset{20});
  leader.synced = 18;
  CHECK(leader.replicated_synced() == Offset{18});
  SECTION("what was synced before the leader knows where the follower is does not count") {
    leader.isr.on_synced(BrokerId{3}, Offset{20});
    leader.fetch(3, 20, kStart);
    leader.isr.apply(image_of({1, 2, 3}, 1));
    CHECK(leader.replicated_synced() == kNoOffset);
  }
  SECTION("nor does what a follower that went back had synced") {
    leader.fetch(2, 12, kStart);
    leader.fetch(2, 20, kStart);
    CHECK(leader.replicated_synced() == Offset{12});
  }
}

TEST_CASE("a follower joins once it has everything up to the high watermark and the start of the epoch", "[isr]") {
  Leader leader{{1, 2}};
  leader.fetch(2, 20, kStart);
  leader.fetch(3, 14, kStart);
  CHECK_FALSE(leader.wanted(kStart, 15).has_value());
  CHECK(leader.wanted(kStart, 14) == brokers({1, 2, 3}));
  leader.fetch(3, 9, kStart);
  CHECK_FALSE(leader.wanted(kStart, 5).has_value());  // the leader before it may have replicated up to 10
}

TEST_CASE("a follower joins with the epoch that its broker fetches with", "[isr]") {
  Leader leader{{1, 2}};
  leader.fetch(2, 20, kStart);
  leader.fetch(3, 20, kStart);
  const auto members = leader.isr.wanted(Offset{20}, Offset{20}, kLagMax, kStart);
  REQUIRE(members.has_value());
  CHECK(members->at(2) == Isr::Member{BrokerId{3}, BrokerEpoch{100}});
}

TEST_CASE("one who would join counts from the moment that it is asked for, whatever comes of it", "[isr]") {
  Leader leader{{1, 2}};
  leader.fetch(2, 20, kStart);
  leader.fetch(3, 20, kStart);
  leader.send(kStart, 20);
  leader.end = 30;
  leader.fetch(2, 30, kStart);
  leader.isr.tick(kStart + 1h);  // nobody is waited for any more
  CHECK(leader.replicated() == Offset{20});
  CHECK_FALSE(leader.wanted(kStart, 20).has_value());  // one change at a time
  SECTION("it was made") {
    leader.isr.on_change_made(image_of({1, 2, 3}, 1));
    CHECK(leader.replicated() == Offset{20});
    CHECK_FALSE(leader.isr.is_change_under_way());
  }
  SECTION("it was refused") {
    leader.isr.on_change_failed(false, kStart + 1h);
    CHECK(leader.replicated() == Offset{30});
    CHECK_FALSE(leader.wanted(kStart + 1h, 20).has_value());
    CHECK(leader.wanted(kStart + 1h + Isr::kRetryAfter, 20).has_value());
  }
  SECTION("nobody knows: it is asked for again") {
    leader.isr.on_change_failed(true, kStart);
    CHECK(leader.replicated() == Offset{20});
    CHECK(leader.wanted(kStart, 20) == brokers({1, 2, 3}));
  }
  SECTION("the metadata has changed meanwhile: its news is waited for") {
    leader.isr.on_change_outdated(kStart);
    CHECK(leader.replicated() == Offset{20});
    CHECK_FALSE(leader.wanted(kStart, 20).has_value());
    leader.isr.apply(image_of({1, 2}, 2));
    CHECK(leader.replicated() == Offset{30});
  }
  SECTION("the metadata has changed meanwhile: news that came before the answer is not waited for") {
    leader.isr.apply(image_of({1, 2}, 2));
    leader.fetch(3, 30, kStart);
    leader.isr.on_change_outdated(kStart);
    CHECK(leader.wanted(kStart, 20) == brokers({1, 2, 3}));
  }
}

TEST_CASE("one who leaves counts until it has left", "[isr]") {
  Leader leader;
  leader.fetch(2, 20, kStart);
  leader.fetch(3, 12, kStart);
  const auto later = kStart + kLagMax + 1ms;
  leader.fetch(2, 20, later);
  CHECK(leader.wanted(later, 12) == brokers({1, 2}));
  leader.send(later, 12);
  CHECK(leader.replicated() == Offset{12});
  leader.isr.on_change_made(image_of({1, 2}, 1));
  CHECK(leader.replicated() == Offset{20});
}

TEST_CASE("a follower is in sync while it had everything within replica.lag.time.max.ms", "[isr]") {
  Leader leader{{1, 2}};
  const auto late = kStart + kLagMax + 1s;
  SECTION("one that never comes is given the time, and no more") {
    CHECK_FALSE(leader.wanted(kStart + kLagMax, 10).has_value());
    CHECK(leader.wanted(late, 10) == brokers({1}));
  }
  SECTION("one that fetches, and never gets everything, is behind") {
    for (auto at = kStart; at < late; at += 1s) leader.fetch(2, 12, at);
    CHECK(leader.wanted(late, 10) == brokers({1}));
  }
  SECTION("one that gets in every fetch what there was at the one before is not") {
    leader.end = 20;
    for (auto at = kStart; at < late; at += 1s) {
      leader.end += 10;
      leader.fetch(2, leader.end - 10, at);
    }
    CHECK_FALSE(leader.wanted(late, 10).has_value());
  }
  SECTION("one that has everything needs not come") {
    leader.fetch(2, 20, kStart);
    CHECK_FALSE(leader.wanted(late, 10).has_value());
  }
}

TEST_CASE("a follower that fetches and does not sync is behind where synced ends count", "[isr]") {
  Leader leader{{1, 2}};
  for (auto at = kStart; at < kStart + kLagMax + 1s; at += 1s) leader.fetch(2, 20, at);
  const auto late = kStart + kLagMax + 1s;
  CHECK_FALSE(leader.wanted(late, 10).has_value());
  CHECK(leader.wanted(late, 10, true) == brokers({1}));
  leader.isr.on_synced(BrokerId{2}, Offset{20});
  CHECK_FALSE(leader.wanted(late, 10, true).has_value());
}

TEST_CASE("a follower that keeps up with a steady stream is waited for, so that it can join", "[isr]") {
  Leader leader{{1}};
  leader.fetch(2, 20, kStart);
  leader.end = 30;
  leader.fetch(2, 20, kStart + 1ms);
  CHECK(leader.replicated() == Offset{20});
  CHECK(leader.wanted(kStart + 1ms, 20) == brokers({1, 2}));
  SECTION("for a moment") {
    leader.isr.tick(kStart + Isr::kJoinWait + 2ms);
    CHECK(leader.replicated() == Offset{30});
  }
  SECTION("not while it is refused") {
    leader.send(kStart + 1ms, 20);
    leader.isr.on_change_failed(false, kStart + 2ms);
    CHECK(leader.replicated() == Offset{30});

    SECTION("nor later, where it has not come again since: it may be gone") {
      leader.fetch(2, 30, kStart + Isr::kRetryAfter);
      leader.end = 40;
      leader.isr.tick(kStart + Isr::kRetryAfter + 10ms);
      CHECK(leader.replicated() == Offset{40});
    }
    SECTION("but again once it has kept up for longer than that") {
      leader.fetch(2, 30, kStart + Isr::kRetryAfter + 2ms);
      leader.end = 40;
      CHECK(leader.replicated() == Offset{30});
    }
  }
  SECTION("not when the controller has just taken it out") {
    leader.isr.apply(image_of({1, 2}, 1));
    leader.isr.apply(image_of({1}, 2));
    CHECK(leader.replicated() == Offset{30});
    CHECK_FALSE(leader.wanted(kStart + 1ms, 20).has_value());
  }
}

TEST_CASE("a fetch of an earlier life of a follower's broker, or of a stranger, tells nothing", "[isr]") {
  Leader leader{{1, 2}};
  leader.fetch(2, 12, kStart);
  CHECK_FALSE(leader.isr.on_fetch({BrokerId{2}, BrokerEpoch{99}}, Offset{20}, Offset{20}, kStart));
  CHECK_FALSE(leader.isr.on_fetch({BrokerId{4}, BrokerEpoch{100}}, Offset{20}, Offset{20}, kStart));
  CHECK(leader.replicated() == Offset{12});
}

TEST_CASE("what a follower had synced in an earlier life is not counted on", "[isr]") {
  Leader leader{{1, 2}};
  leader.fetch(2, 20, kStart);
  leader.isr.on_synced(BrokerId{2}, Offset{20});
  REQUIRE(leader.isr.on_fetch({BrokerId{2}, BrokerEpoch{101}}, Offset{20}, Offset{20}, kStart));
  CHECK(leader.replicated_synced() == kNoOffset);
}

TEST_CASE("what a new life of a follower has synced counts though a shrink took it out after it had come", "[isr]") {
  Leader leader{{1, 2}};
  leader.fetch(2, 20, kStart);
  leader.isr.on_synced(BrokerId{2}, Offset{20});
  const Isr::Member reborn{BrokerId{2}, BrokerEpoch{101}};
  REQUIRE(leader.isr.on_fetch(reborn, Offset{20}, Offset{20}, kStart));
  leader.isr.apply(image_of({1}, 1));
  CHECK(leader.isr.on_synced(BrokerId{2}, Offset{20}));  // told once: it is idle
  REQUIRE(leader.isr.on_fetch(reborn, Offset{20}, Offset{20}, kStart + 1ms));
  CHECK(leader.wanted(kStart + 1ms, 20, true) == brokers({1, 2}));
}

TEST_CASE("older news of a partition is passed over", "[isr]") {
  Leader leader;
  leader.isr.apply(image_of({1, 2}, 4));
  leader.isr.apply(image_of({1, 2, 3}, 3));
  CHECK(leader.isr.committed() == brokers({1, 2}));
  CHECK(leader.isr.partition_epoch() == PartitionEpoch{4});
}

}  // namespace sluice::broker::replication

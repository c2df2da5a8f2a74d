#include "broker/peer/lost_brokers.hpp"

#include <atomic>
#include <catch2/catch.hpp>

#include "broker/controller/metadata_image.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/fake_cluster_state.hpp"

using namespace sluice;
using namespace sluice::test;
using broker::peer::LostBrokers;

namespace {

const BrokerId kOne{1};
const BrokerId kTwo{2};

struct World {
  World() { thread.start(); }
  ~World() {
    lost.stop();
    thread.stop();
  }
  void wait() {
    lost.when_settled([this] { ++settled; });
  }

  broker::IoThread thread{0};
  LostBrokers lost{thread};
  std::atomic<int> settled{0};
};

}  // namespace

TEST_CASE("nobody waits where no broker is in doubt", "[peer]") {
  World world;
  world.wait();
  CHECK(world.settled == 1);
  CHECK_FALSE(world.lost.any());
}

TEST_CASE("who waits goes on when every broker in doubt was found, or the metadata says that it is gone", "[peer]") {
  World world;
  FakeCluster cluster{2};
  world.lost.note_lost(kOne);
  world.lost.note_lost(BrokerId{99});  // not registered, as after it was removed
  world.wait();
  world.lost.apply(cluster.state.image());
  CHECK(world.lost.contains(kOne));
  CHECK_FALSE(world.lost.contains(BrokerId{99}));
  CHECK(world.settled == 0);
  world.lost.note_lost(kTwo);
  world.lost.note_found(kOne);
  CHECK(world.settled == 0);
  world.lost.note_found(kTwo);
  CHECK(world.settled == 1);
  CHECK_FALSE(world.lost.any());
}

TEST_CASE("a doubt ends by itself, and being told of it again does not prolong it", "[peer]") {
  World world;
  const auto began = std::chrono::steady_clock::now();
  world.lost.note_lost(kOne);
  world.wait();
  CHECK(eventually([&] {
    world.lost.note_lost(kOne);
    return world.settled == 1;
  }));
  CHECK(std::chrono::steady_clock::now() - began >= LostBrokers::kLongest);
}

TEST_CASE("nobody waits once it is stopped", "[peer]") {
  World world;
  world.lost.note_lost(kOne);
  world.wait();
  world.lost.stop();
  CHECK(world.settled == 1);
  world.lost.note_lost(kOne);
  world.wait();
  CHECK(world.settled == 2);
}

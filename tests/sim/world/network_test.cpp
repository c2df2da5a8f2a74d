#include "tests/sim/world/network.hpp"

#include <catch2/catch.hpp>

namespace sluice::sim {
namespace {

struct Pair {
  Scheduler scheduler{Random{1}};
  Network network{scheduler, Random{2}, {.slow_per_mille = 100}};
  std::vector<int> arrived;

  Pair() {
    for (const HostId host : {1, 2}) {
      network.add_host(host);
      network.host_up(host);
    }
  }
  void tell(int number, Line line = Line::quorum) {
    network.tell(1, 2, line, [this, number] { arrived.push_back(number); });
  }
  void run(Duration time = 1min) {
    const auto end = scheduler.now() + time;
    while (scheduler.step(end)) continue;
  }
  std::vector<int> numbers(int count) {
    std::vector<int> all;
    for (int i = 0; i < count; ++i) all.push_back(i);
    return all;
  }
};

}  // namespace

TEST_CASE("a stream keeps its order, through a cut and a pause too", "[sim]") {
  Pair pair;
  for (int i = 0; i < 10; ++i) pair.tell(i);
  pair.network.cut(1, 2);
  for (int i = 10; i < 20; ++i) pair.tell(i);
  pair.run();
  CHECK(pair.arrived.empty());
  pair.network.heal_cuts();
  pair.network.pause(2, pair.scheduler.now() + 1s);
  for (int i = 20; i < 30; ++i) pair.tell(i);
  pair.run();
  CHECK(pair.arrived == pair.numbers(30));
}

TEST_CASE("every call is answered or fails, once", "[sim]") {
  Pair pair;
  int answers = 0;
  int failures = 0;
  const auto call = [&](bool answers_it) {
    pair.network.call<int>(
        1, 2, Line::controller, 100ms,
        [answers_it](Network::Reply<int> reply) {
          if (answers_it) reply(7);
        },
        [&](CallError error, int* response) {
          (error == CallError::none && *response == 7 ? answers : failures) += 1;
        });
  };
  call(true);
  pair.run();
  CHECK(answers == 1);
  call(false);
  pair.run();
  CHECK(failures == 1);
  pair.network.cut(2, 1);
  call(true);
  pair.run();
  CHECK(failures == 2);
  pair.network.heal_cuts();
  call(true);
  pair.network.host_down(2, false);
  call(true);
  pair.run();
  CHECK(answers == 1);
  CHECK(failures == 4);
}

TEST_CASE("who died is told of at once, and whose machine died is not", "[sim]") {
  Pair pair;
  std::vector<std::pair<HostId, HostId>> gone;
  pair.network.on_gone([&](HostId from, HostId to) { gone.emplace_back(from, to); });
  pair.tell(1);
  pair.run();
  SECTION("the process") {
    pair.network.host_down(2, false);
    pair.run();
    CHECK(gone == std::vector<std::pair<HostId, HostId>>{{1, 2}});
  }
  SECTION("the machine") {
    pair.network.host_down(2, true);
    pair.tell(2);
    pair.run();
    CHECK(gone.empty());
  }
}

TEST_CASE("what a dead end was sent does not reach its next life", "[sim]") {
  Pair pair;
  pair.tell(1);
  pair.network.host_down(2, false);
  pair.network.host_up(2);
  pair.run();
  CHECK(pair.arrived.empty());
  pair.tell(2);
  pair.run();
  CHECK(pair.arrived == std::vector<int>{2});
}

}  // namespace sluice::sim

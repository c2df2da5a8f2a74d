#include <array>
#include <cstdlib>
#include <iostream>
#include <thread>

#include "tests/support/faulty_files.hpp"
#include "tests/support/temp_directory.hpp"
#include "tests/unit/broker/raft/driver_cluster.hpp"

namespace sluice::test {
namespace {

using Clock = std::chrono::steady_clock;

double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

}  // namespace

TEST_CASE("a voter that is alone leads and commits at once", "[raft]") {
  DriverCluster cluster{1};
  cluster.core = {};
  for (int life = 1; life <= 3; ++life) {
    const auto start = Clock::now();
    cluster.boot(1);
    REQUIRE(eventually([&] { return cluster.driver(1).status().commit > kNoIndex; }));
    const auto took = ms_since(start);
    CHECK(took < 500);  // an election timeout is 1 s
    if (std::getenv("SLUICE_DISK") != nullptr) std::cout << "ms to the first commit: " << took << '\n';
    cluster.propose(1, "command");
    REQUIRE(eventually([&] { return cluster.machine(1).commands().size() == std::size_t(life); }));
    CHECK(ms_since(start) < 500);
    cluster.kill(1);
  }
}

TEST_CASE("commands are applied everywhere, also by who joins and who comes back", "[raft]") {
  DriverCluster cluster{3, 1};
  cluster.boot_all();
  const int leader = cluster.wait_for_leader();
  for (int i = 0; i < 50; ++i) cluster.propose(leader, "command " + std::to_string(i));
  for (int node = 1; node <= 4; ++node) {
    CHECK(eventually([&] { return cluster.has(node, "command 49"); }));
    CHECK(cluster.machine(node).commands().size() == 50);
  }
  const int follower = leader % 3 + 1;
  cluster.kill(follower);
  cluster.propose(leader, "meanwhile");
  cluster.boot(follower);
  CHECK(eventually([&] { return cluster.has(follower, "meanwhile"); }));
  CHECK(cluster.machine(follower).commands() == cluster.machine(leader).commands());
}

TEST_CASE("a read is answered with what must be applied for it", "[raft]") {
  DriverCluster cluster{3};
  cluster.boot_all();
  const int leader = cluster.wait_for_leader();
  REQUIRE(eventually([&] { return cluster.driver(leader).status().commit > kNoIndex; }));
  cluster.driver(leader).post([](Raft& raft, Now now) { raft.read(ReadTicket{7}, now); });
  REQUIRE(eventually([&] { return !cluster.machine(leader).reads().empty(); }));
  CHECK(cluster.machine(leader).reads().front().ticket == ReadTicket{7});
  CHECK(cluster.machine(leader).reads().front().index.has_value());
}

TEST_CASE("a leader whose process is known to be gone is replaced without waiting for it", "[raft]") {
  const char* runs = std::getenv("SLUICE_RUNS");
  const int count = runs == nullptr ? 5 : std::atoi(runs);
  DriverCluster cluster{3};
  cluster.core = {};  // as it is for users
  cluster.boot_all();
  std::vector<double> took;
  for (int round = 0; round < count; ++round) {
    const int leader = cluster.wait_for_leader();
    cluster.propose(leader, "before " + std::to_string(round));
    for (int node = 1; node <= 3; ++node) {
      REQUIRE(eventually([&] { return cluster.has(node, "before " + std::to_string(round)); }));
    }
    const auto start = Clock::now();
    cluster.kill(leader, true);
    cluster.wait_for_leader();
    took.push_back(ms_since(start));
    cluster.boot(leader);
  }
  std::sort(took.begin(), took.end());
  CHECK(took[took.size() / 2] < 600);  // well below the election timeout, even on a busy machine
  if (runs != nullptr) {
    std::cout << "ms to a new leader: median " << took[took.size() / 2] << ", p90 " << took[took.size() * 9 / 10]
              << ", most " << took.back() << '\n';
  }
}

TEST_CASE("a leader that stops hands over first", "[raft]") {
  DriverCluster cluster{3};
  cluster.boot_all();
  const int leader = cluster.wait_for_leader();
  cluster.propose(leader, "before");
  for (int node = 1; node <= 3; ++node) {
    REQUIRE(eventually([&] { return cluster.has(node, "before"); }));
  }
  const auto start = Clock::now();
  cluster.driver(leader).stop(std::chrono::seconds{5});
  CHECK(ms_since(start) < 4000);
  cluster.kill(leader);
  const int next = cluster.wait_for_leader();
  CHECK(next != leader);
  CHECK(ms_since(start) < 4000);
}

TEST_CASE("snapshots are taken by size and by hand, and bring those up who missed the log", "[raft]") {
  DriverCluster cluster{3};
  cluster.snapshot_bytes = 20'000;
  cluster.core.snapshot_chunk_bytes = 100;
  cluster.boot_all();
  int leader = cluster.wait_for_leader();
  const int away = leader % 3 + 1;
  cluster.kill(away);
  for (int i = 0; i < 400; ++i) {
    cluster.propose(leader, "command " + std::to_string(i) + std::string(200, '.'));
    if (i % 40 == 0) std::this_thread::sleep_for(5ms);
  }
  const auto last = "command 399" + std::string(200, '.');
  REQUIRE(eventually([&] { return cluster.has(leader, last); }));
  REQUIRE(eventually([&] { return cluster.driver(leader).status().snapshot > kNoIndex; }));

  std::atomic<std::int64_t> written{-1};
  for (int i = 0; i < 2; ++i) {
    written = -1;
    cluster.driver(leader).take_snapshot([&](Result<LogIndex> index) { written = index ? index->value() : 0; });
    REQUIRE(eventually([&] { return written >= 0; }));
    CHECK(written > 400);
  }
  cluster.boot(away);
  CHECK(eventually([&] { return cluster.has(away, last); }));
  CHECK(cluster.machine(away).commands() == cluster.machine(leader).commands());
  // And it starts from there.
  cluster.kill(away);
  cluster.boot(away);
  CHECK(eventually([&] { return cluster.has(away, last); }));
}

TEST_CASE("a server whose disk fails takes part no more, and another leads", "[raft]") {
  DriverCluster cluster{3};
  cluster.boot_all();
  const int leader = cluster.wait_for_leader();
  auto& disk = cluster.disk(leader);
  disk.fail_from(disk.calls() + 1, EIO);
  cluster.propose(leader, "lost");
  REQUIRE(eventually([&] { return cluster.driver(leader).status().has_failed; }));
  CHECK(cluster.failures(leader) == 1);
  CHECK(cluster.machine(leader).role().role == Role::learner);
  const int next = cluster.wait_for_leader();
  CHECK(next != leader);
  cluster.propose(next, "kept");
  CHECK(eventually([&] { return cluster.has(next, "kept"); }));
}

TEST_CASE("a leader whose disk hangs has another lead, and follows when the disk goes on", "[raft]") {
  const TempDirectory directory;
  std::array<FaultyFiles, 3> files;
  DriverCluster cluster{3};
  cluster.stall_max = 200ms;
  for (int node = 1; node <= 3; ++node) {
    const auto path = directory.path("data-" + std::to_string(node));
    REQUIRE(files.at(0).create_directories(path));
    cluster.use_files(node, files.at(static_cast<std::size_t>(node) - 1), path);
  }
  cluster.boot_all();
  const int leader = cluster.wait_for_leader();
  cluster.propose(leader, "before");
  REQUIRE(eventually([&] { return cluster.has(leader, "before"); }));
  auto& disk = files.at(static_cast<std::size_t>(leader) - 1);
  disk.hang_syncs();
  cluster.propose(leader, "by the others");
  const auto is_decided_elsewhere = [&] {
    const int now = cluster.leader();
    return now != 0 && now != leader && cluster.has(now, "by the others");
  };
  CHECK(eventually(is_decided_elsewhere));
  CHECK(cluster.driver(leader).status().writing_since.has_value());
  disk.let_go();
  CHECK(eventually([&] { return cluster.has(leader, "by the others"); }));
  CHECK(eventually([&] { return !cluster.driver(leader).status().writing_since; }));
}

TEST_CASE("proposals that come while the disk syncs share the next sync", "[raft]") {
  DriverCluster cluster{1};
  cluster.boot(1);
  cluster.wait_for_leader();
  for (int i = 0; i < 1000; ++i) cluster.propose(1, "command " + std::to_string(i));
  REQUIRE(eventually([&] { return cluster.machine(1).commands().size() == 1000; }));
  const auto& commands = cluster.machine(1).commands();
  CHECK(commands.front() == "command 0");
  CHECK(commands.back() == "command 999");
}

}  // namespace sluice::test

#include "broker/replication/log_cleaner.hpp"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <future>

#include "broker/replication/log_syncer.hpp"
#include "broker/replication/partition_table.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/partition_harness.hpp"

namespace sluice::broker::replication {
namespace {

using namespace std::chrono_literals;

/// Threads of this process that clean.
int count_cleaners() {
  int count = 0;
  std::error_code ignored;
  for (const auto& task : std::filesystem::directory_iterator{"/proc/self/task", ignored}) {
    std::ifstream file{task.path() / "comm"};
    std::string name;
    std::getline(file, name);
    count += name == "sluice-clean" ? 1 : 0;
  }
  return count;
}

}  // namespace

TEST_CASE("the cleaner has as many threads as it is told to have, while it runs", "[cleaner]") {
  storage::MemoryFileSystem fs{std::uint64_t{16} << 20};
  const auto logs = storage::LogManager::open(fs, {"/data"}, {.cluster_id = "c", .node_id = BrokerId{1}}).value();
  metrics::BrokerMetrics metrics{{}, {}, "test"};
  LogSyncer syncer{1, metrics};
  test::NoReplicaEvents events;
  config::BrokerConfig config;
  PartitionTable table{*logs, syncer, events, config, {}};
  config::CleanerSettings settings;
  LogCleaner cleaner{settings, table, metrics};
  settings.threads = 2;
  cleaner.reconfigure(settings);  // before it is started
  cleaner.start();
  CHECK(test::eventually([] { return count_cleaners() == 2; }));
  for (const int threads : {4, 1, 3, 0, 1}) {
    CAPTURE(threads);
    settings.threads = threads;
    cleaner.reconfigure(settings);
    CHECK(test::eventually([&] { return count_cleaners() == threads; }));
  }
  cleaner.stop();
  CHECK(count_cleaners() == 0);
}

TEST_CASE("who waits for a budget goes on when it is raised", "[cleaner]") {
  IoBudget budget{1.0};
  auto waits = std::async(std::launch::async, [&] { return budget.spend(1000); });
  CHECK(waits.wait_for(20ms) == std::future_status::timeout);
  budget.set_rate(std::nullopt);
  CHECK(waits.get());
  CHECK(budget.spend(1'000'000'000));
}

}  // namespace sluice::broker::replication

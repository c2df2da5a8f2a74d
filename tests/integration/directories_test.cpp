#include <catch2/catch.hpp>
#include <cerrno>
#include <filesystem>
#include <thread>

#include "broker/config/load.hpp"
#include "protocol/messages/alter_replica_log_dirs.hpp"
#include "protocol/messages/create_topics.hpp"
#include "protocol/messages/describe_log_dirs.hpp"
#include "tests/integration/records.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/faulty_files.hpp"

namespace sluice {
namespace {

using test::ask;
using test::batch;
using test::fetch;
using test::number;
using test::produce;

constexpr int kStorageError = 56;
constexpr int kLogDirNotFound = 57;

/// A broker over two directories on real files that fail when told to. The metadata is in the first.
struct TwoDirectories {
  test::TempDirectory home;
  test::FaultyFiles files;
  std::unique_ptr<broker::Broker> broker;
  std::string first = home.path("first");
  std::string second = home.path("second");

  TwoDirectories() { start(); }
  void start() {
    broker::config::LoadOptions options;
    options.assignments = test::settings_for(first + "," + second, {});
    options.cores = 2;
    options.data_home = home.path();
    auto loaded = broker::config::load(options);
    REQUIRE(loaded.errors.empty());
    broker = std::make_unique<broker::Broker>(std::move(loaded), files);
    REQUIRE(broker->start());
    auto connection = connect();
    test::await_high_watermarks(connection);
  }
  void restart() {
    broker.reset();
    start();
  }
  client::WireConnection connect() const {
    auto connection = client::WireConnection::open("127.0.0.1", broker->port_of("PLAINTEXT"), std::chrono::seconds{20});
    REQUIRE(connection.has_value());
    return std::move(*connection);
  }
  /// "a" in the first directory and "b" in the second.
  void create_topics() const {
    auto connection = connect();
    for (const auto* name : {"a", "b"}) {
      protocol::CreateTopicsRequest request;
      request.timeout_ms = 10'000;
      auto& topic = request.topics.emplace_back();
      topic.name = name;
      topic.num_partitions = 1;
      topic.replication_factor = 1;
      REQUIRE(number(ask<protocol::CreateTopics>(connection, request).topics.at(0).error_code) == 0);
    }
    REQUIRE(std::filesystem::exists(first + "/a-0"));
    REQUIRE(std::filesystem::exists(second + "/b-0"));
  }
  int directory_error(const std::string& path) const {
    auto connection = connect();
    for (const auto& found : ask<protocol::DescribeLogDirs>(connection, {}).results) {
      if (found.log_dir == path) return number(found.error_code);
    }
    return -1;
  }
};

int alter(client::WireConnection& connection, const std::string& topic, const std::string& directory,
          std::int16_t version = protocol::AlterReplicaLogDirs::versions.max) {
  protocol::AlterReplicaLogDirsRequest request;
  auto& to = request.dirs.emplace_back();
  to.path = directory;
  auto& named = to.topics.emplace_back();
  named.name = topic;
  named.partitions.push_back(PartitionId{0});
  const auto answer = ask<protocol::AlterReplicaLogDirs>(connection, request, version);
  return number(answer.results.at(0).partitions.at(0).error_code);
}

}  // namespace

TEST_CASE("a sync that fails takes one directory offline, and the other serves on", "[directories]") {
  TwoDirectories two;
  two.create_topics();
  auto connection = two.connect();
  REQUIRE(number(produce(connection, "b", batch({{"k", "kept"}})).error_code) == 0);
  two.files.inject({.operation = storage::Operation::sync, .path_contains = "second/b-0", .error = EIO});
  auto waiting = two.connect();
  std::thread reader{[&] {
    // A fetch that waits is told as well.
    const auto got = fetch(waiting, "b", Offset{1}, {.max_wait_ms = 20'000});
    CHECK(got.error == kStorageError);
  }};
  CHECK(number(produce(connection, "b", batch({{"k", "lost"}})).error_code) == kStorageError);
  reader.join();
  CHECK(number(produce(connection, "b", batch({{"k", "v"}})).error_code) == kStorageError);
  CHECK(fetch(connection, "b", Offset{0}).error == kStorageError);
  CHECK(two.directory_error(two.second) == kStorageError);
  CHECK(two.directory_error(two.first) == 0);
  CHECK(number(produce(connection, "a", batch({{"k", "v"}})).error_code) == 0);

  two.restart();  // the disk is sound again
  auto again = two.connect();
  CHECK(fetch(again, "b", Offset{0}).values().front() == "kept");
  CHECK(fetch(again, "a", Offset{0}).values().size() == 1);
}

TEST_CASE("a directory that can't be opened keeps its partitions from being begun anew", "[directories]") {
  TwoDirectories two;
  two.create_topics();
  {
    auto connection = two.connect();
    REQUIRE(number(produce(connection, "b", batch({{"k", "kept"}})).error_code) == 0);
  }
  two.files.inject({.path_contains = "/second", .repeat = storage::Fault::kForever, .error = EIO});
  two.restart();
  {
    auto connection = two.connect();
    CHECK(number(produce(connection, "b", batch({{"k", "v"}})).error_code) == kStorageError);
    CHECK(number(produce(connection, "a", batch({{"k", "v"}})).error_code) == 0);
    CHECK(two.directory_error(two.second) == kStorageError);
    CHECK(alter(connection, "a", two.second) == kStorageError);
    CHECK_FALSE(std::filesystem::exists(two.first + "/b-0"));
  }
  two.files.clear();
  two.restart();
  auto connection = two.connect();
  CHECK(fetch(connection, "b", Offset{0}).values() == std::vector<std::string>{"kept"});
}

TEST_CASE("a partition moves to another directory while it serves", "[directories]") {
  TwoDirectories two;
  two.create_topics();
  auto connection = two.connect();
  const auto version = GENERATE(range<std::int16_t>(protocol::AlterReplicaLogDirs::versions.min,
                                                    protocol::AlterReplicaLogDirs::versions.max + 1));
  REQUIRE(number(produce(connection, "a", batch({{"k", "before"}})).error_code) == 0);
  CHECK(alter(connection, "a", two.second, version) == 0);
  CHECK(test::eventually([&] { return std::filesystem::exists(two.second + "/a-0"); }));
  CHECK(test::eventually([&] { return !std::filesystem::exists(two.first + "/a-0"); }));
  REQUIRE(number(produce(connection, "a", batch({{"k", "after"}})).error_code) == 0);
  // The move has rolled the log: an answer ends with a segment.
  const auto is_whole = [](client::WireConnection& to) {
    return fetch(to, "a", Offset{0}).values() == std::vector<std::string>{"before"} &&
           fetch(to, "a", Offset{1}).values() == std::vector<std::string>{"after"};
  };
  CHECK(is_whole(connection));
  CHECK(alter(connection, "a", two.second, version) == 0);  // it is there
  two.restart();
  auto again = two.connect();
  CHECK(is_whole(again));
}

TEST_CASE("a move to nowhere, or of nothing, is refused as by Kafka", "[directories]") {
  TwoDirectories two;
  two.create_topics();
  auto connection = two.connect();
  CHECK(alter(connection, "a", "/nowhere") == kLogDirNotFound);
  CHECK(alter(connection, "no-such-topic", two.second) == 3);
  CHECK(alter(connection, std::string(240, 'x'), two.second) == 17);
  // The wish is remembered.
  CHECK(alter(connection, "c", two.second) == 3);
  protocol::CreateTopicsRequest request;
  request.timeout_ms = 10'000;
  auto& topic = request.topics.emplace_back();
  topic.name = "c";
  topic.num_partitions = 1;
  topic.replication_factor = 1;
  REQUIRE(number(ask<protocol::CreateTopics>(connection, request).topics.at(0).error_code) == 0);
  CHECK(std::filesystem::exists(two.second + "/c-0"));
}

}  // namespace sluice

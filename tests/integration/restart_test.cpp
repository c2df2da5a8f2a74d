#include <atomic>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "broker/config/load.hpp"
#include "protocol/messages/metadata.hpp"
#include "tests/integration/child_broker.hpp"
#include "tests/integration/records.hpp"

namespace sluice {
namespace {

using namespace std::chrono_literals;
using test::ask;
using test::batch;
using test::batch_of;
using test::number;
using test::produce;
using test::TestBroker;

test::Bytes sequenced(ProducerId id, std::int32_t sequence) {
  // Of now: a producer whose last record is old is forgotten at a start.
  const Timestamp now{
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
          .count()};
  return batch({{"k", "v", now}}, {.producer_id = id, .producer_epoch = ProducerEpoch{0}, .base_sequence = sequence});
}

}  // namespace

TEST_CASE("topics, records and offsets are there after a restart, clean or not", "[restart]") {
  const bool clean = GENERATE(true, false);
  const std::string durability = GENERATE("fsync", "os");
  CAPTURE(clean, durability);
  TestBroker broker;
  const auto id = broker.create_topic("t", {{"sluice.durability", durability}, {"retention.ms", "-1"}}, 2);
  {
    auto connection = broker.connect();
    for (int i = 0; i < 5; ++i) REQUIRE(number(produce(connection, "t", batch({{"k", "before"}})).error_code) == 0);
  }
  if (clean) {
    broker.restart();
  } else {
    broker.crash_and_restart();
  }
  auto connection = broker.connect();
  protocol::MetadataRequest request;
  request.topics.emplace().emplace_back().name = "t";
  const auto topic = ask<protocol::Metadata>(connection, request, 12).topics.at(0);
  CHECK(topic.topic_id == id);
  CHECK(topic.partitions.size() == 2);
  CHECK(produce(connection, "t", batch({{"k", "after"}})).base_offset == Offset{5});
  CHECK(test::fetch(connection, "t", Offset{4}).values() == std::vector<std::string>{"before", "after"});
  CHECK(test::list_offset(connection, "t", -2) == Offset{0});
}

TEST_CASE("a producer's repeat is recognised after a restart, clean or not", "[restart]") {
  const bool clean = GENERATE(true, false);
  CAPTURE(clean);
  TestBroker broker;
  broker.create_topic("t");
  ProducerId id;
  {
    auto connection = broker.connect();
    id = test::new_producer(connection);
    for (int i = 0; i < 3; ++i) REQUIRE(number(produce(connection, "t", sequenced(id, i)).error_code) == 0);
  }
  if (clean) {
    broker.restart();
  } else {
    broker.crash_and_restart();
  }
  auto connection = broker.connect();
  const auto repeat = produce(connection, "t", sequenced(id, 2));
  CHECK(number(repeat.error_code) == 0);
  CHECK(repeat.base_offset == Offset{2});
  CHECK(number(produce(connection, "t", sequenced(id, 4)).error_code) == 45);
  CHECK(produce(connection, "t", sequenced(id, 3)).base_offset == Offset{3});
}

TEST_CASE("deleted records stay deleted over a clean restart", "[restart]") {
  TestBroker broker;
  broker.create_topic("t");
  {
    auto connection = broker.connect();
    for (int i = 0; i < 3; ++i) produce(connection, "t", batch({{"k", "v"}}));
    test::delete_records(connection, "t", Offset{2});
  }
  broker.restart();
  auto connection = broker.connect();
  CHECK(test::list_offset(connection, "t", -2) == Offset{2});
}

TEST_CASE("a deleted topic does not come back, not even as the records of a new one", "[restart]") {
  TestBroker broker;
  const auto old_id = broker.create_topic("t");
  {
    auto connection = broker.connect();
    produce(connection, "t", batch({{"k", "old"}}));
  }
  const bool crash = GENERATE(true, false);
  broker.delete_topic("t");
  if (crash) broker.crash_and_restart();
  CHECK(broker.create_topic("t") != old_id);
  broker.restart();
  auto connection = broker.connect();
  CHECK(test::list_offset(connection, "t", -1) == Offset{0});
}

TEST_CASE("a killed sluiced loses nothing that it acknowledged", "[restart]") {
  const test::TempDirectory directory;
  std::int64_t acknowledged = 0;
  for (int life = 0; life < 3; ++life) {
    test::ChildBroker broker{directory.path("data")};
    auto connection = broker.connect();
    protocol::MetadataRequest request;
    request.topics.emplace().emplace_back().name = "t";
    while (number(ask<protocol::Metadata>(connection, request, 12).topics.at(0).error_code) != 0) {
      std::this_thread::sleep_for(10ms);
    }
    test::await_high_watermarks(connection);
    CHECK(test::list_offset(connection, "t", -1) >= Offset{acknowledged});
    for (int i = 0; i < 20; ++i) {
      const auto answer = produce(connection, "t", batch_of(3, 500));
      REQUIRE(number(answer.error_code) == 0);
      acknowledged = answer.base_offset.value() + 3;
    }
    auto bytes = batch_of(3, 500);
    (void)connection.send<protocol::Produce>(test::produce_request("t", bytes), test::kProduceByName);
    broker.kill();  // in the middle of it, or not
  }
  test::ChildBroker broker{directory.path("data")};
  auto connection = broker.connect();
  test::await_high_watermarks(connection);
  CHECK(test::list_offset(connection, "t", -1) >= Offset{acknowledged});
  CHECK(test::fetch(connection, "t", Offset{acknowledged - 1}).error == 0);
  CHECK(broker.terminate() == 0);
}

TEST_CASE("a stop answers the long polls that wait", "[restart]") {
  TestBroker broker;
  broker.create_topic("t");
  auto connection = broker.connect();
  REQUIRE(connection.send<protocol::Fetch>(test::fetch_request("t", Offset{0}, {.max_wait_ms = 60'000}),
                                           test::kFetchByName));
  std::this_thread::sleep_for(50ms);
  const auto start = std::chrono::steady_clock::now();
  broker.stop();
  CHECK(std::chrono::steady_clock::now() - start < 4s);
  const auto answer = connection.receive<protocol::Fetch>(test::kFetchByName);
  REQUIRE(answer.has_value());
  CHECK(test::fetched(*answer).at(0).error == 0);
  CHECK(test::is_closed(connection));
}

TEST_CASE("a stop answers the produces that wait for the disk", "[restart]") {
  TestBroker broker;
  broker.create_topic("t");
  auto connection = broker.connect();
  constexpr int kCount = 100;
  for (int i = 0; i < kCount; ++i) {
    auto bytes = batch({{"k", "v"}});
    REQUIRE(connection.send<protocol::Produce>(test::produce_request("t", bytes), test::kProduceByName));
  }
  REQUIRE(connection.receive<protocol::Produce>(test::kProduceByName).has_value());
  broker.stop();
  std::int64_t acknowledged = 1;
  while (connection.receive<protocol::Produce>(test::kProduceByName)) ++acknowledged;
  broker.start();
  auto again = broker.connect();
  CHECK(test::list_offset(again, "t", -1) >= Offset{acknowledged});
}

TEST_CASE("a stop does not wait for clients that keep their connections", "[restart]") {
  TestBroker broker;
  auto idle = broker.connect();
  ask<protocol::Metadata>(idle, {}, 12);
  const auto start = std::chrono::steady_clock::now();
  broker.stop();
  CHECK(std::chrono::steady_clock::now() - start < 4s);
  CHECK(test::is_closed(idle));
}

TEST_CASE("a client that left in the middle of a long poll does not hold up a stop", "[restart]") {
  TestBroker broker;
  broker.create_topic("t");
  {
    auto connection = broker.connect();
    REQUIRE(connection.send<protocol::Fetch>(test::fetch_request("t", Offset{0}, {.max_wait_ms = 60'000}),
                                             test::kFetchByName));
    std::this_thread::sleep_for(50ms);
  }
  const auto start = std::chrono::steady_clock::now();
  broker.stop();
  CHECK(std::chrono::steady_clock::now() - start < 4s);
}

TEST_CASE("a node whose metadata log is another cluster's says so and ends, without waiting for anybody", "[restart]") {
  TestBroker broker;
  broker.stop();
  const auto path = broker.data_directory() + "/meta.properties";
  std::stringstream content;
  content << std::ifstream{path}.rdbuf();
  auto properties = content.str();
  const auto at = properties.find("cluster.id=") + std::string_view{"cluster.id="}.size();
  properties.replace(at, properties.find('\n', at) - at, Uuid::random().to_string());
  std::ofstream{path} << properties;

  broker::config::LoadOptions options;
  options.assignments = test::settings_for(broker.data_directory(), {});
  options.cores = 2;
  auto loaded = broker::config::load(options);
  REQUIRE(loaded.errors.empty());
  broker::Broker other{std::move(loaded)};
  std::atomic<bool> failed{false};
  other.on_fatal([&] { failed = true; });
  const auto began = std::chrono::steady_clock::now();
  CHECK_FALSE(other.start());
  CHECK(failed);
  CHECK(std::chrono::steady_clock::now() - began < 3s);
}

}  // namespace sluice

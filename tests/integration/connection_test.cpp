#include <catch2/catch.hpp>
#include <random>
#include <thread>

#include "protocol/messages/api_versions.hpp"
#include "protocol/messages/describe_cluster.hpp"
#include "protocol/messages/metadata.hpp"
#include "tests/integration/records.hpp"
#include "tests/support/eventually.hpp"

namespace sluice {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;
using test::ask;
using test::batch;
using test::batch_of;
using test::Bytes;
using test::is_closed;
using test::number;
using test::TestBroker;

void check_serves(client::WireConnection& connection) { ask<protocol::Metadata>(connection, {}, 12); }

bool serves(const TestBroker& broker) {
  auto connection = broker.connect();
  return connection.call<protocol::Metadata>({}, 12).has_value();
}

/// An ApiVersions v0 request, as bytes.
Bytes api_versions(std::int32_t correlation_id) {
  Bytes bytes(14);
  store_be(bytes.data(), std::int32_t{10});
  store_be(bytes.data() + 4, std::int16_t{18});
  store_be(bytes.data() + 8, correlation_id);
  store_be(bytes.data() + 12, std::int16_t{-1});
  return bytes;
}

}  // namespace

TEST_CASE("pipelined requests are answered in their order, a long poll before what follows it", "[connection]") {
  const TestBroker broker;
  broker.create_topic("t");
  auto connection = broker.connect();
  const auto start = steady_clock::now();
  REQUIRE(
      connection.send<protocol::Fetch>(test::fetch_request("t", Offset{0}, {.max_wait_ms = 300}), test::kFetchByName));
  for (int i = 0; i < 10; ++i) REQUIRE(connection.send<protocol::Metadata>({}, 12));
  // `receive` checks that correlation ids come in the order sent.
  CHECK(connection.receive<protocol::Fetch>(test::kFetchByName).has_value());
  CHECK(steady_clock::now() - start >= 300ms);
  for (int i = 0; i < 10; ++i) CHECK(connection.receive<protocol::Metadata>(12).has_value());
}

TEST_CASE("a produce behind a long poll on the same connection is appended at once, and ends it", "[connection]") {
  const TestBroker broker;
  broker.create_topic("t");
  auto connection = broker.connect();
  const auto start = steady_clock::now();
  REQUIRE(connection.send<protocol::Fetch>(test::fetch_request("t", Offset{0}, {.max_wait_ms = 15'000}),
                                           test::kFetchByName));
  auto bytes = batch({{"k", "v"}});
  REQUIRE(connection.send<protocol::Produce>(test::produce_request("t", bytes), test::kProduceByName));
  const auto got = test::fetched(connection.receive<protocol::Fetch>(test::kFetchByName).value()).at(0);
  CHECK(got.values() == std::vector<std::string>{"v"});
  CHECK(connection.receive<protocol::Produce>(test::kProduceByName).has_value());
  CHECK(steady_clock::now() - start < 10s);
}

TEST_CASE("a thousand pipelined requests are all answered", "[connection]") {
  const TestBroker broker;
  auto connection = broker.connect();
  Bytes all;
  for (int i = 0; i < 1000; ++i) {
    const auto one = api_versions(i);
    all.insert(all.end(), one.begin(), one.end());
  }
  REQUIRE(connection.send_bytes(all));
  for (int i = 0; i < 1000; ++i) {
    const auto frame = connection.receive_frame();
    REQUIRE(frame.has_value());
    REQUIRE(load_be<std::int32_t>(frame->data()) == i);
  }
}

TEST_CASE("a client that does not read its answers is read no further, and costs bounded memory", "[connection]") {
  const TestBroker broker;
  auto connection = broker.connect(500ms);
  Bytes many;
  for (int i = 0; i < 1000; ++i) {
    const auto one = api_versions(i);
    many.insert(many.end(), one.begin(), one.end());
  }
  std::size_t taken = 0;
  constexpr std::size_t kFarTooMuch = 64 << 20;
  while (taken < kFarTooMuch && connection.send_bytes(many)) taken += many.size();
  CHECK(taken < kFarTooMuch);
  CHECK(serves(broker));
}

TEST_CASE("a client that reads its answers late gets all of them", "[connection]") {
  const TestBroker broker;
  broker.create_topic("t", {{"sluice.durability", "os"}});
  auto connection = broker.connect();
  for (int i = 0; i < 20; ++i) test::produce(connection, "t", batch_of(1000, 900));
  // The receive buffer grew for the produces; it must not take the connection with it when it shrinks.
  REQUIRE(connection.send<protocol::Fetch>(test::fetch_request("t", Offset{0}), test::kFetchByName));
  std::this_thread::sleep_for(5s);
  const auto got = test::fetched(connection.receive<protocol::Fetch>(test::kFetchByName).value()).at(0);
  CHECK(got.base_offsets().size() == 20);
  check_serves(connection);
}

TEST_CASE("garbage closes its own connection, with nothing else disturbed", "[connection]") {
  const TestBroker broker;
  auto other = broker.connect();
  std::mt19937 random{3};
  for (int round = 0; round < 50; ++round) {
    auto connection = broker.connect();
    Bytes bytes(random() % 300 + 14);
    for (auto& byte : bytes) byte = static_cast<std::byte>(random());
    if (round % 2 == 0) {  // a sound header in front of the garbage
      const auto api = std::array{0, 1, 2, 3, 18, 19, 22, 75}[static_cast<std::size_t>(round / 2 % 8)];
      store_be(bytes.data(), static_cast<std::int32_t>(bytes.size() - 4));
      store_be(bytes.data() + 4, static_cast<std::int16_t>(api));
      store_be(bytes.data() + 6, static_cast<std::int16_t>(4));
    }
    (void)connection.send_bytes(bytes);
  }
  check_serves(other);
  CHECK(serves(broker));
}

TEST_CASE("a frame of impossible size closes the connection at once", "[connection]") {
  const TestBroker broker{{"socket.request.max.bytes=100000"}};
  const std::int32_t size = GENERATE(0, -1, INT32_MIN, 100001, INT32_MAX);
  auto connection = broker.connect();
  Bytes bytes(4);
  store_be(bytes.data(), size);
  REQUIRE(connection.send_bytes(bytes));
  CHECK(is_closed(connection));
}

TEST_CASE("requests before the malformed one are answered", "[connection]") {
  const TestBroker broker;
  auto connection = broker.connect();
  REQUIRE(connection.send_bytes(test::concat({api_versions(1), Bytes(4)})));
  CHECK(connection.receive_frame().has_value());
  CHECK(is_closed(connection));
}

TEST_CASE("a frame of the largest size is received", "[connection]") {
  const TestBroker broker{{"socket.request.max.bytes=200000"}};
  broker.create_topic("t");
  auto connection = broker.connect();
  const auto bytes = batch_of(1, 199'000);
  CHECK(number(test::produce(connection, "t", bytes).error_code) == 0);
  auto too_large = batch_of(1, 200'000);
  (void)connection.send<protocol::Produce>(test::produce_request("t", too_large), test::kProduceByName);
  CHECK(is_closed(connection));
}

TEST_CASE("an idle connection is closed, one that is used or waits for an answer is not", "[connection]") {
  const TestBroker broker{{"connections.max.idle.ms=1000"}};
  broker.create_topic("t");
  auto idle = broker.connect();
  auto waiting = broker.connect();
  auto used = broker.connect();
  REQUIRE(
      waiting.send<protocol::Fetch>(test::fetch_request("t", Offset{0}, {.max_wait_ms = 2500}), test::kFetchByName));
  for (int i = 0; i < 15; ++i) {
    check_serves(used);
    std::this_thread::sleep_for(200ms);
  }
  CHECK(is_closed(idle));
  CHECK(waiting.receive<protocol::Fetch>(test::kFetchByName).has_value());
}

TEST_CASE("connections beyond the limit are refused until others leave", "[connection]") {
  const std::string limit =
      GENERATE("max.connections=2", "max.connections.per.ip=2", "max.connections.per.ip.overrides=127.0.0.1:2");
  const TestBroker broker{{limit}};
  auto first = broker.connect();
  auto second = std::make_unique<client::WireConnection>(broker.connect());
  check_serves(first);
  check_serves(*second);
  CHECK_FALSE(serves(broker));
  check_serves(first);
  second.reset();
  CHECK(test::eventually([&] { return serves(broker); }));
}

TEST_CASE("a client that left in the middle of a long poll no longer counts", "[connection]") {
  const TestBroker broker{{"max.connections=1"}};
  {
    auto connection = broker.connect();
    REQUIRE(connection.send<protocol::Fetch>(test::fetch_request("t", Offset{0}, {.max_wait_ms = 60'000}),
                                             test::kFetchByName));
  }
  CHECK(test::eventually([&] { return serves(broker); }));
}

TEST_CASE("large frames wait for memory, and all come through in the end", "[connection]") {
  const TestBroker broker{{"sluice.request.memory.bytes=1048576", "num.network.threads=1"}};
  broker.create_topic("t", {{"sluice.durability", "os"}});
  // All announce 900 kB: there is room for one of them at a time.
  auto bytes = batch_of(1, 900'000);
  const auto request = test::produce_request("t", bytes);
  std::vector<std::string> outcomes(8, "answered");
  std::vector<std::thread> clients;
  for (auto& outcome : outcomes) {
    clients.emplace_back([&] {
      auto connection = client::WireConnection::open("127.0.0.1", broker.port(), 20s);
      if (!connection) {
        outcome = connection.error().message();
      } else if (const auto answer = connection->call<protocol::Produce>(request, test::kProduceByName); !answer) {
        outcome = answer.error().message();
      }
    });
  }
  // What is small needs no share of that memory.
  CHECK(serves(broker));
  for (auto& client : clients) client.join();
  CHECK(outcomes == std::vector<std::string>(8, "answered"));
}

TEST_CASE("a connection that gives up its large frame gives up its memory", "[connection]") {
  const TestBroker broker{{"sluice.request.memory.bytes=1048576"}};
  broker.create_topic("t", {{"sluice.durability", "os"}});
  for (int i = 0; i < 5; ++i) {
    auto hostile = broker.connect();
    Bytes announcement(2000);
    store_be(announcement.data(), std::int32_t{1'000'000});
    REQUIRE(hostile.send_bytes(announcement));
    std::this_thread::sleep_for(20ms);
  }
  auto connection = broker.connect();
  CHECK(number(test::produce(connection, "t", batch_of(1, 900'000)).error_code) == 0);
}

TEST_CASE("clients are told the addresses of the listener they came by", "[connection]") {
  const TestBroker broker{{"listeners=INSIDE://127.0.0.1:0,OUTSIDE://127.0.0.1:0",
                           "listener.security.protocol.map=INSIDE:PLAINTEXT,OUTSIDE:PLAINTEXT",
                           "inter.broker.listener.name=INSIDE",
                           "advertised.listeners=INSIDE://in.example:1111,OUTSIDE://out.example:2222"}};
  const auto [listener, host, port] = GENERATE(
      table<std::string, std::string, int>({{"INSIDE", "in.example", 1111}, {"OUTSIDE", "out.example", 2222}}));
  auto connection = broker.connect_to(listener);
  const auto metadata = ask<protocol::Metadata>(connection, {}, 12).brokers.at(0);
  CHECK(metadata.host == host);
  CHECK(metadata.port == port);
  const auto cluster = ask<protocol::DescribeCluster>(connection, {}, 0).brokers.at(0);
  CHECK(cluster.host == host);
  CHECK(cluster.port == port);
}

TEST_CASE("a listener on a port of the system's choice advertises that port", "[connection]") {
  const TestBroker broker;
  auto connection = broker.connect();
  CHECK(ask<protocol::Metadata>(connection, {}, 12).brokers.at(0).port == broker.port());
}

}  // namespace sluice

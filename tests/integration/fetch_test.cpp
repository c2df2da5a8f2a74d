#include <catch2/catch.hpp>
#include <thread>

#include "tests/integration/records.hpp"

namespace sluice {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;
using test::ask;
using test::batch;
using test::batch_of;
using test::fetch;
using test::FetchOptions;
using test::number;
using test::produce;
using test::TestBroker;

/// A broker with topic "t", and a client of it.
struct Harness {
  explicit Harness(std::int32_t partitions = 1) {
    id = broker.create_topic("t", {{"sluice.durability", "os"}}, partitions);
  }
  void produce_to(std::int32_t partition, test::Bytes bytes) {
    auto request = test::produce_request("t", bytes);
    request.topic_data[0].partition_data[0].index = PartitionId{partition};
    const auto answer = ask<protocol::Produce>(connection, request, test::kProduceByName);
    REQUIRE(number(answer.responses.at(0).partition_responses.at(0).error_code) == 0);
  }

  TestBroker broker;
  client::WireConnection connection = broker.connect();
  Uuid id;
};

}  // namespace

TEST_CASE("a long poll is answered when records come", "[fetch]") {
  Harness harness;
  auto consumer = harness.broker.connect();
  const auto start = steady_clock::now();
  REQUIRE(
      consumer.send<protocol::Fetch>(test::fetch_request("t", Offset{0}, {.max_wait_ms = 15'000}), test::kFetchByName));
  std::this_thread::sleep_for(50ms);
  produce(harness.connection, "t", batch({{"k", "wake up"}}));
  const auto got = test::fetched(consumer.receive<protocol::Fetch>(test::kFetchByName).value()).at(0);
  CHECK(got.values() == std::vector<std::string>{"wake up"});
  CHECK(steady_clock::now() - start < 10s);
}

TEST_CASE("a long poll without records ends after its time, empty", "[fetch]") {
  Harness harness;
  const auto start = steady_clock::now();
  const auto got = fetch(harness.connection, "t", Offset{0}, {.max_wait_ms = 200});
  CHECK(got.error == 0);
  CHECK(got.records.empty());
  CHECK(steady_clock::now() - start >= 200ms);
}

TEST_CASE("a long poll waits for min_bytes, over several produces", "[fetch]") {
  Harness harness;
  auto consumer = harness.broker.connect();
  REQUIRE(consumer.send<protocol::Fetch>(
      test::fetch_request("t", Offset{0}, {.min_bytes = 2500, .max_wait_ms = 15'000}), test::kFetchByName));
  for (int i = 0; i < 3; ++i) produce(harness.connection, "t", batch_of(1, 1000));
  const auto got = test::fetched(consumer.receive<protocol::Fetch>(test::kFetchByName).value()).at(0);
  CHECK(got.values().size() == 3);
}

TEST_CASE("a long poll whose time runs out gets what there is below min_bytes", "[fetch]") {
  Harness harness;
  produce(harness.connection, "t", batch({{"k", "little"}}));
  const auto got = fetch(harness.connection, "t", Offset{0}, {.min_bytes = 1'000'000, .max_wait_ms = 100});
  CHECK(got.values() == std::vector<std::string>{"little"});
}

TEST_CASE("an offset outside the log is error 1, its end is not", "[fetch]") {
  Harness harness;
  produce(harness.connection, "t", batch_of(3, 10));
  CHECK(fetch(harness.connection, "t", Offset{3}).error == 0);
  CHECK(fetch(harness.connection, "t", Offset{4}, {.max_wait_ms = 10'000}).error == 1);
  CHECK(fetch(harness.connection, "t", Offset{-1}).error == 1);
}

TEST_CASE("a partition or topic that is not there is an error at once", "[fetch]") {
  Harness harness;
  CHECK(fetch(harness.connection, "nowhere", Offset{0}, {.max_wait_ms = 10'000}).error == 3);
  auto request = test::fetch_request("", Offset{0}, {.max_wait_ms = 10'000});
  request.topics[0].topic_id = Uuid::random();
  CHECK(test::fetched(ask<protocol::Fetch>(harness.connection, request, 13)).at(0).error == 100);
}

TEST_CASE("a client that believes in another leader epoch is told so", "[fetch]") {
  Harness harness;
  auto request = test::fetch_request("t", Offset{0});
  const auto with_epoch = [&](std::int32_t epoch) {
    request.topics[0].partitions[0].current_leader_epoch = LeaderEpoch{epoch};
    return test::fetched(ask<protocol::Fetch>(harness.connection, request, test::kFetchByName)).at(0).error;
  };
  CHECK(with_epoch(0) == 0);
  CHECK(with_epoch(1) == 75);
}

TEST_CASE("size limits hold after the first batch, which is sent whole", "[fetch]") {
  Harness harness;
  for (int i = 0; i < 4; ++i) produce(harness.connection, "t", batch_of(1, 1000));
  const auto batches = [&](const FetchOptions& options) {
    return fetch(harness.connection, "t", Offset{0}, options).base_offsets().size();
  };
  CHECK(batches({}) == 4);
  CHECK(batches({.partition_max_bytes = 1}) == 1);
  CHECK(batches({.max_bytes = 1}) == 1);
  CHECK(batches({.partition_max_bytes = 2500}) == 2);
  CHECK(batches({.max_bytes = 2500}) == 2);
  CHECK(batches({.max_bytes = 0, .partition_max_bytes = 0}) == 1);
}

TEST_CASE("a partition after the limit is reached stays empty, and is not an error", "[fetch]") {
  Harness harness{2};
  harness.produce_to(0, batch_of(1, 5000));
  harness.produce_to(1, batch_of(1, 5000));
  const auto request = test::fetch_request("t", Offset{0}, {.max_bytes = 1000}, 2);
  const auto got = test::fetched(ask<protocol::Fetch>(harness.connection, request, test::kFetchByName));
  REQUIRE(got.size() == 2);
  CHECK(got[0].records.size() > 5000);
  CHECK(got[1].records.empty());
  CHECK(got[1].error == 0);
}

TEST_CASE("large answers of many partitions arrive whole, and in order", "[fetch]") {
  Harness harness{4};
  for (int partition = 0; partition < 4; ++partition) {
    // Some are sent by sendfile, some are small enough to be copied.
    const int records = partition % 2 == 0 ? 400 : 1;
    for (int i = 0; i < 5; ++i) harness.produce_to(partition, batch_of(records, 1000));
  }
  for (const std::int16_t version : {std::int16_t{4}, std::int16_t{11}, test::kFetchByName}) {
    const auto request = test::fetch_request("t", Offset{0}, {}, 4);
    const auto got = test::fetched(ask<protocol::Fetch>(harness.connection, request, version));
    REQUIRE(got.size() == 4);
    for (std::size_t i = 0; i < 4; ++i) CHECK(got[i].values().size() == (i % 2 == 0 ? 2000 : 5));
  }
}

TEST_CASE("read_committed has a list of aborted transactions, read_uncommitted has none", "[fetch]") {
  Harness harness;
  produce(harness.connection, "t", batch({{"k", "v"}}));
  const auto committed = fetch(harness.connection, "t", Offset{0}, {.read_committed = true});
  CHECK(committed.values() == std::vector<std::string>{"v"});
  CHECK(committed.aborted_transactions == 0U);
  CHECK_FALSE(fetch(harness.connection, "t", Offset{0}).aborted_transactions.has_value());
}

TEST_CASE("a fetch session is told only what is new", "[fetch]") {
  Harness harness{3};
  const std::int16_t version = GENERATE(std::int16_t{7}, test::kFetchByName, protocol::Fetch::versions.max);
  auto open = test::fetch_request("t", Offset{0}, {}, 3);
  open.topics[0].topic_id = harness.id;
  open.session_epoch = 0;
  const auto opened = ask<protocol::Fetch>(harness.connection, open, version);
  REQUIRE(opened.session_id != 0);
  CHECK(test::fetched(opened).size() == 3);

  protocol::FetchRequest next;
  next.max_bytes = 1 << 20;
  next.session_id = opened.session_id;
  next.session_epoch = 1;
  CHECK(ask<protocol::Fetch>(harness.connection, next, version).responses.empty());

  harness.produce_to(1, batch({{"k", "news"}}));
  next.session_epoch = 2;
  const auto news = ask<protocol::Fetch>(harness.connection, next, version);
  REQUIRE(test::fetched(news).size() == 1);
  CHECK(news.responses[0].partitions[0].partition_index == PartitionId{1});
  CHECK(test::fetched(news)[0].values() == std::vector<std::string>{"news"});

  CHECK(number(ask<protocol::Fetch>(harness.connection, next, version).error_code) == 71);
  next.session_epoch = -1;
  CHECK(ask<protocol::Fetch>(harness.connection, next, version).session_id == 0);
  next.session_epoch = 3;
  CHECK(number(ask<protocol::Fetch>(harness.connection, next, version).error_code) == 70);
}

TEST_CASE("a long poll ends when its topic is deleted", "[fetch]") {
  Harness harness;
  auto consumer = harness.broker.connect();
  REQUIRE(
      consumer.send<protocol::Fetch>(test::fetch_request("t", Offset{0}, {.max_wait_ms = 15'000}), test::kFetchByName));
  std::this_thread::sleep_for(50ms);
  harness.broker.delete_topic("t");
  // Unknown topic, or a storage error while the deletion is under way: both send a client for new metadata.
  const auto error = test::fetched(consumer.receive<protocol::Fetch>(test::kFetchByName).value()).at(0).error;
  CHECK((error == 3 || error == 56));
}

}  // namespace sluice

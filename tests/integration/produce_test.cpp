#include <catch2/catch.hpp>

#include "protocol/messages/metadata.hpp"
#include "tests/integration/records.hpp"

namespace sluice {
namespace {

using test::ask;
using test::batch;
using test::batch_of;
using test::Bytes;
using test::fetch;
using test::new_producer;
using test::number;
using test::produce;
using test::TestBroker;

Bytes sequenced(ProducerId id, std::int16_t epoch, std::int32_t sequence, int records = 1) {
  return batch_of(records, 10, {.producer_id = id, .producer_epoch = ProducerEpoch{epoch}, .base_sequence = sequence});
}

}  // namespace

TEST_CASE("what is produced is fetched, listed and deleted", "[produce]") {
  const TestBroker broker;
  broker.create_topic("t");
  auto connection = broker.connect();
  const auto first = produce(connection, "t", batch({{"k", "one"}, {"k", "two"}}));
  CHECK(number(first.error_code) == 0);
  CHECK(first.base_offset == Offset{0});
  CHECK(first.log_start_offset == Offset{0});
  CHECK(produce(connection, "t", batch({{"k", "three"}})).base_offset == Offset{2});

  const auto all = fetch(connection, "t", Offset{0});
  CHECK(all.high_watermark == Offset{3});
  CHECK(all.values() == std::vector<std::string>{"one", "two", "three"});
  CHECK(fetch(connection, "t", Offset{2}).values() == std::vector<std::string>{"three"});
  CHECK(test::list_offset(connection, "t", -1) == Offset{3});
  CHECK(test::list_offset(connection, "t", -2) == Offset{0});

  CHECK(test::delete_records(connection, "t", Offset{2}) == 0);
  CHECK(test::list_offset(connection, "t", -2) == Offset{2});
  CHECK(fetch(connection, "t", Offset{1}).error == 1);
  CHECK(fetch(connection, "t", Offset{2}).log_start_offset == Offset{2});
  CHECK(test::delete_records(connection, "t", Offset{-7}) == 1);
  CHECK(test::delete_records(connection, "t", Offset{4}) == 1);
  CHECK(test::delete_records(connection, "t", Offset{-1}) == 0);  // up to the high watermark
  CHECK(test::list_offset(connection, "t", -2) == Offset{3});
}

TEST_CASE("records come back through every version of Produce and Fetch", "[produce]") {
  const TestBroker broker;
  const auto id = broker.create_topic("t");
  auto connection = broker.connect();
  std::int64_t count = 0;
  for (std::int16_t version = 3; version <= protocol::Produce::versions.max; ++version) {
    CAPTURE(version);
    auto bytes = batch({{"k", "value " + std::to_string(count)}});
    auto request = test::produce_request("t", bytes);
    request.topic_data[0].topic_id = id;
    const auto answer = ask<protocol::Produce>(connection, request, version).responses.at(0).partition_responses.at(0);
    CHECK(number(answer.error_code) == 0);
    CHECK(answer.base_offset == Offset{count++});
  }
  for (std::int16_t version = 4; version <= protocol::Fetch::versions.max; ++version) {
    CAPTURE(version);
    auto request = test::fetch_request("t", Offset{count - 1});
    request.topics[0].topic_id = id;
    const auto answer = test::fetched(ask<protocol::Fetch>(connection, request, version)).at(0);
    CHECK(answer.error == 0);
    CHECK(answer.values() == std::vector<std::string>{"value " + std::to_string(count - 1)});
  }
}

TEST_CASE("acks 0 has no answer, and the connection goes on", "[produce]") {
  const TestBroker broker;
  broker.create_topic("t");
  auto connection = broker.connect();
  // The connection counts answers; its sender is used for the silent request only.
  auto silent = broker.connect();
  auto bytes = batch({{"k", "quiet"}});
  REQUIRE(silent.send<protocol::Produce>(test::produce_request("t", bytes, 0), test::kProduceByName).has_value());
  const auto got = fetch(connection, "t", Offset{0}, {.max_wait_ms = 10'000});
  CHECK(got.values() == std::vector<std::string>{"quiet"});
  REQUIRE(silent.send<protocol::Metadata>({}, 12).has_value());
  CHECK(silent.receive_frame().has_value());
}

TEST_CASE("an error with acks 0 closes the connection", "[produce]") {
  const TestBroker broker;
  auto connection = broker.connect();
  auto bytes = batch({{"k", "v"}});
  REQUIRE(connection.send<protocol::Produce>(test::produce_request("nowhere", bytes, 0), test::kProduceByName));
  CHECK(test::is_closed(connection));
}

TEST_CASE("acks 1 and all give the same offsets, with either durability", "[produce]") {
  const TestBroker broker;
  const std::string durability = GENERATE("os", "fsync");
  broker.create_topic("t", {{"sluice.durability", durability}});
  auto connection = broker.connect();
  for (std::int64_t i = 0; i < 6; ++i) {
    const auto answer = produce(connection, "t", batch({{"k", "v"}}), i % 2 == 0 ? 1 : -1);
    CHECK(number(answer.error_code) == 0);
    CHECK(answer.base_offset == Offset{i});
  }
  CHECK(test::list_offset(connection, "t", -1) == Offset{6});
}

TEST_CASE("a repeat of an idempotent producer gets the offsets of the first time", "[idempotence]") {
  const TestBroker broker;
  broker.create_topic("t");
  auto connection = broker.connect();
  const auto id = new_producer(connection);
  CHECK(produce(connection, "t", sequenced(id, 0, 0, 3)).base_offset == Offset{0});
  CHECK(produce(connection, "t", sequenced(id, 0, 3)).base_offset == Offset{3});
  const auto repeat = produce(connection, "t", sequenced(id, 0, 0, 3));
  CHECK(number(repeat.error_code) == 0);
  CHECK(repeat.base_offset == Offset{0});
  CHECK(test::list_offset(connection, "t", -1) == Offset{4});
}

TEST_CASE("a gap in an idempotent producer's sequence is error 45", "[idempotence]") {
  const TestBroker broker;
  broker.create_topic("t");
  auto connection = broker.connect();
  const auto id = new_producer(connection);
  REQUIRE(number(produce(connection, "t", sequenced(id, 0, 0)).error_code) == 0);
  const auto answer = produce(connection, "t", sequenced(id, 0, 2));
  CHECK(number(answer.error_code) == 45);
  CHECK(answer.base_offset == kNoOffset);
  CHECK(number(produce(connection, "t", sequenced(id, 0, 1)).error_code) == 0);
}

TEST_CASE("an older epoch of an idempotent producer is error 47", "[idempotence]") {
  const TestBroker broker;
  broker.create_topic("t");
  auto connection = broker.connect();
  const auto id = new_producer(connection);
  REQUIRE(number(produce(connection, "t", sequenced(id, 1, 0)).error_code) == 0);
  CHECK(number(produce(connection, "t", sequenced(id, 0, 0)).error_code) == 47);
  CHECK(number(produce(connection, "t", sequenced(id, 2, 0)).error_code) == 0);
}

TEST_CASE("no producer id is given twice, not even after a restart", "[idempotence]") {
  TestBroker broker;
  std::vector<ProducerId> ids;
  for (int i = 0; i < 3; ++i) {
    auto connection = broker.connect();
    ids.push_back(new_producer(connection));
    ids.push_back(new_producer(connection));
    broker.restart();
  }
  std::sort(ids.begin(), ids.end());
  CHECK(std::adjacent_find(ids.begin(), ids.end()) == ids.end());
}

TEST_CASE("a batch is refused for what is wrong with it, and nothing is appended", "[produce]") {
  const TestBroker broker;
  broker.create_topic("t", {{"max.message.bytes", "10000"}});
  broker.create_topic("compacted", {{"cleanup.policy", "compact"}});
  auto connection = broker.connect();
  const auto error_of = [&](const Bytes& bytes, const std::string& topic = "t") {
    return number(produce(connection, topic, bytes).error_code);
  };
  auto damaged = batch({{"k", "value"}});
  damaged.back() ^= std::byte{1};
  CHECK(error_of(damaged) == 2);
  CHECK(error_of(batch_of(1, 10'000)) == 10);
  CHECK(error_of(test::concat({batch({{"k", "v"}}), batch({{"k", "v"}})})) == 87);
  CHECK(error_of({}) == 87);
  CHECK(error_of(batch({{"k", "v"}}, {.control = true})) == 87);
  CHECK(error_of(batch({{std::nullopt, "v"}}), "compacted") == 87);
  CHECK(error_of(Bytes(40)) != 0);
  CHECK(test::list_offset(connection, "t", -1) == Offset{0});
  CHECK(test::list_offset(connection, "compacted", -1) == Offset{0});
}

TEST_CASE("from version 8 on a refusal names the records it is for", "[produce]") {
  const TestBroker broker;
  broker.create_topic("compacted", {{"cleanup.policy", "compact"}});
  auto connection = broker.connect();
  const auto bytes = batch({{"k", "v"}, {std::nullopt, "v"}, {"k", "v"}, {std::nullopt, "v"}});
  const auto answer = produce(connection, "compacted", bytes, -1, 8);
  CHECK(number(answer.error_code) == 87);
  CHECK(answer.error_message.has_value());
  REQUIRE(answer.record_errors.size() == 2);
  CHECK(answer.record_errors[0].batch_index == 1);
  CHECK(answer.record_errors[1].batch_index == 3);
  CHECK(produce(connection, "compacted", bytes, -1, 7).record_errors.empty());
}

TEST_CASE("a topic that is not there is an error of its partition", "[produce]") {
  const TestBroker broker;
  broker.create_topic("t");
  auto connection = broker.connect();
  CHECK(number(produce(connection, "nowhere", batch({{"k", "v"}})).error_code) == 3);
  auto bytes = batch({{"k", "v"}});
  auto request = test::produce_request("t", bytes);
  request.topic_data[0].partition_data[0].index = PartitionId{1};
  const auto ask_for = [&](std::int16_t version) {
    return number(
        ask<protocol::Produce>(connection, request, version).responses.at(0).partition_responses.at(0).error_code);
  };
  CHECK(ask_for(test::kProduceByName) == 3);
  request.topic_data[0].topic_id = Uuid::random();
  CHECK(ask_for(13) == 100);
}

TEST_CASE("acks other than 0, 1 and all are error 21", "[produce]") {
  const TestBroker broker;
  broker.create_topic("t");
  auto connection = broker.connect();
  for (const std::int16_t acks : {std::int16_t{2}, std::int16_t{-2}}) {
    CHECK(number(produce(connection, "t", batch({{"k", "v"}}), acks).error_code) == 21);
  }
}

TEST_CASE("one bad partition does not spoil the others of its request", "[produce]") {
  const TestBroker broker;
  broker.create_topic("t", {}, 2);
  auto connection = broker.connect();
  auto good = batch({{"k", "good"}});
  auto bad = batch({{"k", "bad"}});
  bad.back() ^= std::byte{1};
  auto request = test::produce_request("t", bad);
  auto& second = request.topic_data[0].partition_data.emplace_back();
  second.index = PartitionId{1};
  second.records = wire::Records::view(good);
  const auto answer = ask<protocol::Produce>(connection, request, test::kProduceByName).responses.at(0);
  CHECK(number(answer.partition_responses.at(0).error_code) == 2);
  CHECK(number(answer.partition_responses.at(1).error_code) == 0);
  CHECK(answer.partition_responses.at(1).base_offset == Offset{0});
}

TEST_CASE("zstd needs Produce 7; a topic of that codec needs Fetch 10: error 76 before", "[produce]") {
  const TestBroker broker;
  broker.create_topic("t", {{"compression.type", "zstd"}});
  auto connection = broker.connect();
  const auto bytes = batch_of(10, 100, {.compression = record::Compression::zstd});
  CHECK(number(produce(connection, "t", bytes, -1, 6).error_code) == 76);
  REQUIRE(number(produce(connection, "t", bytes, -1, 7).error_code) == 0);
  const auto old = fetch(connection, "t", Offset{0}, {}, 9);
  CHECK(old.error == 76);
  CHECK(old.records.empty());
  CHECK(fetch(connection, "t", Offset{0}, {}, 10).values().size() == 10);
}

TEST_CASE("a batch of 50 MB goes through where the limits allow it", "[produce]") {
  const TestBroker broker{{"num.network.threads=1"}};
  broker.create_topic("t", {{"max.message.bytes", "60000000"}});
  auto connection = broker.connect();
  const auto bytes = batch_of(50, 1'000'000);
  const auto answer = produce(connection, "t", bytes);
  REQUIRE(number(answer.error_code) == 0);
  const auto got = fetch(connection, "t", Offset{0});
  REQUIRE(got.records.size() == bytes.size());
  CHECK(std::equal(bytes.begin() + 16, bytes.end(), got.records.begin() + 16));  // past the offset, length and epoch
}

TEST_CASE("a topic asked for is created where the broker may", "[produce]") {
  const bool enabled = GENERATE(true, false);
  const TestBroker broker{
      {std::string{"auto.create.topics.enable="} + (enabled ? "true" : "false"), "num.partitions=3"}};
  auto connection = broker.connect();
  protocol::MetadataRequest request;
  request.topics.emplace().emplace_back().name = "fresh";
  request.allow_auto_topic_creation = true;
  const auto answer = ask<protocol::Metadata>(connection, request, 12).topics.at(0);
  if (!enabled) {
    CHECK(number(answer.error_code) == 3);
    return;
  }
  CHECK((number(answer.error_code) == 0 || number(answer.error_code) == 5));
  CHECK(ask<protocol::Metadata>(connection, request, 12).topics.at(0).partitions.size() == 3);
  CHECK(number(produce(connection, "fresh", batch({{"k", "v"}})).error_code) == 0);
}

}  // namespace sluice

#include <catch2/catch.hpp>
#include <vector>

#include "protocol/messages/fetch.hpp"
#include "protocol/messages/fetch_debug.hpp"
#include "protocol/messages/heartbeat.hpp"
#include "protocol/messages/metadata.hpp"
#include "protocol/messages/produce.hpp"
#include "protocol/messages/transaction_log_value.hpp"
#include "protocol/wire/reader.hpp"
#include "protocol/wire/writer.hpp"

// Bytes written by hand from Kafka's protocol guide; all other messages are compared with Kafka's own encoders by the
// interop tests.
namespace sluice::protocol {

namespace {

std::vector<std::byte> bytes_of(std::initializer_list<int> values) {
  std::vector<std::byte> bytes;
  for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

template <class Message>
std::vector<std::byte> encoded(const Message& message, std::int16_t version) {
  wire::Writer out;
  encode(message, version, out);
  CHECK(out.size() + out.spliced_size() == encoded_size(message, version));
  return out.take();
}

template <class Message>
bool decodes(std::vector<std::byte> bytes, std::int16_t version, Message& message) {
  wire::Reader in{MutableBytes{bytes}};
  return decode(in, version, message) && in.remaining() == 0;
}

}  // namespace

TEST_CASE("a heartbeat is encoded the old way up to version 3 and flexibly from 4", "[schema]") {
  const HeartbeatRequest request{.group_id = "g", .generation_id = 2, .member_id = "m"};
  CHECK(encoded(request, 0) == bytes_of({0, 1, 'g', 0, 0, 0, 2, 0, 1, 'm'}));
  CHECK(encoded(request, 3) == bytes_of({0, 1, 'g', 0, 0, 0, 2, 0, 1, 'm', 0xff, 0xff}));
  CHECK(encoded(request, 4) == bytes_of({2, 'g', 0, 0, 0, 2, 2, 'm', 0, 0}));
  HeartbeatRequest back;
  REQUIRE(decodes(encoded(request, 4), 4, back));
  CHECK(back == request);
}

TEST_CASE("all topics are null in metadata requests since version 1, where empty is none", "[schema]") {
  MetadataRequest request;
  REQUIRE(decodes(bytes_of({0xff, 0xff, 0xff, 0xff}), 1, request));
  CHECK(request.topics == std::nullopt);
  REQUIRE(decodes(bytes_of({0, 0, 0, 0}), 1, request));
  REQUIRE(request.topics);
  CHECK(request.topics->empty());
  CHECK_FALSE(decodes(bytes_of({0xff, 0xff, 0xff, 0xff}), 0, request));
}

TEST_CASE("a tagged field is written only when it differs from its default", "[schema]") {
  FetchResponse::PartitionData partition;
  FetchResponse response;
  response.responses.push_back({.partitions = {partition}});
  const auto without = encoded(response, 12);
  response.responses[0].partitions[0].current_leader = {.leader_id = BrokerId{3}, .leader_epoch = LeaderEpoch{4}};
  const auto with = encoded(response, 12);
  CHECK(with.size() == without.size() + 2 + 9);  // tag and size; two int32 and an empty section
  FetchResponse back;
  REQUIRE(decodes(with, 12, back));
  CHECK(back.responses[0].partitions[0].current_leader.leader_id == BrokerId{3});
}

TEST_CASE("a tag that only a later version knows is kept and written back", "[schema]") {
  // In fetch requests tag 1, the replica state, came with version 15.
  const FetchRequest plain;
  auto bytes = encoded(plain, 12);
  bytes.back() = std::byte{1};
  for (const int value : {1, 2, 0xca, 0xfe}) bytes.push_back(static_cast<std::byte>(value));
  FetchRequest request;
  REQUIRE(decodes(bytes, 12, request));
  REQUIRE(request.unknown_tags.size() == 1);
  CHECK(request.unknown_tags[0].tag == 1);
  CHECK(request.replica_state == FetchRequest::ReplicaState{});
  CHECK(encoded(request, 12) == bytes);
}

TEST_CASE("a produce request's records can be changed in the buffer it came in", "[schema]") {
  std::vector<std::byte> batch(4, std::byte{1});
  ProduceRequest request;
  request.topic_data.push_back({.partition_data = {{.records = wire::Records::view(batch)}}});
  auto bytes = encoded(request, 13);
  wire::Reader in{MutableBytes{bytes}};
  ProduceRequest decoded;
  REQUIRE(decode(in, 13, decoded));
  const auto records = decoded.topic_data[0].partition_data[0].records;
  CHECK(records.size() == 4);
  records.bytes()[0] = std::byte{2};
  CHECK(encoded(request, 13) != bytes);
}

TEST_CASE("spliced records count for the size of a fetch response and are sent by others", "[schema]") {
  FetchResponse response;
  response.responses.push_back({.partitions = {{.records = wire::Records::spliced(1000)}}});
  wire::Writer out;
  encode(response, 17, out);
  REQUIRE(out.splices().size() == 1);
  CHECK(encoded_size(response, 17) == out.size() + 1000);
  CHECK(out.splices()[0].at == out.size() - 3);  // before the empty tagged sections of partition, topic and response
}

TEST_CASE("a hostile count fails before anything is allocated for it", "[schema]") {
  FetchResponse response;
  CHECK_FALSE(decodes(bytes_of({0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0, 0}), 4, response));
  CHECK(response.responses.capacity() == 0);
}

TEST_CASE("a message prints what it says", "[schema]") {
  FetchRequest request;
  request.topics.push_back({.topic = "a\"b", .partitions = {{.partition = PartitionId{1}}}});
  const auto text = dump(request);
  CHECK(text.find("topics=[{topic=\"a\\\"b\", topic_id=AAAAAAAAAAAAAAAAAAAAAA, partitions=[{partition=1, ") !=
        std::string::npos);
  CHECK(to_json(request).find("\"topics\":[{\"topic\":\"a\\\"b\",") != std::string::npos);
}

TEST_CASE("what a schema says of an API is there at compile time", "[schema]") {
  static_assert(Fetch::key == ApiKey::fetch);
  static_assert(Fetch::versions == VersionRange{4, 18});
  static_assert(Fetch::first_flexible == 12);
  static_assert(std::is_same_v<Fetch::Request, FetchRequest>);
  static_assert(TransactionLogValue::kRecordType == 0);
  CHECK(Fetch::name == "Fetch");
}

}  // namespace sluice::protocol

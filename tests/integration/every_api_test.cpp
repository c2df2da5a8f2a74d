#include <catch2/catch.hpp>

#include "broker/api/registry.hpp"
#include "protocol/messages/api_versions.hpp"
#include "protocol/messages/catalog.hpp"
#include "protocol/messages/fetch_debug.hpp"
#include "protocol/messages/produce_debug.hpp"
#include "protocol/wire/frame.hpp"
#include "protocol/wire/header.hpp"
#include "protocol/wire/random_source.hpp"
#include "tests/integration/test_broker.hpp"

namespace sluice {
namespace {

using protocol::ApiKey;
using protocol::MessageKind;
using test::TestBroker;

constexpr int kInstances = 6;  // the first of them the default one

void write_body(std::int16_t key, std::int16_t version, int instance, wire::RandomSource& random, wire::Writer& out) {
  // These two would ask for no answer, or for one in a month.
  if (key == static_cast<std::int16_t>(ApiKey::produce)) {
    protocol::ProduceRequest request;
    if (instance > 0) randomize(request, version, random);
    request.acks = instance % 2 == 0 ? 1 : -1;
    request.timeout_ms = 1000;
    return encode(request, version, out);
  }
  if (key == static_cast<std::int16_t>(ApiKey::fetch)) {
    protocol::FetchRequest request;
    if (instance > 0) randomize(request, version, random);
    request.max_wait_ms = 0;
    return encode(request, version, out);
  }
  const auto* info = protocol::find_message(key, MessageKind::request);
  return instance == 0 ? info->write_default(version, out) : info->write_random(random, version, out);
}

void send_request(client::WireConnection& connection, const broker::api::ApiEntry& api, std::int16_t version,
                  std::int32_t correlation_id, int instance, wire::RandomSource& random) {
  const auto key = static_cast<std::int16_t>(api.key);
  wire::Writer out;
  wire::begin_frame(out);
  protocol::RequestHeader header;
  header.request_api_key = key;
  header.request_api_version = version;
  header.correlation_id = correlation_id;
  header.client_id = "every-api";
  encode(header, *wire::request_header_version(key, version), out);
  write_body(key, version, instance, random, out);
  wire::end_frame(out);
  REQUIRE(connection.send_bytes(out.bytes()).has_value());
}

void check_response(const broker::api::ApiEntry& api, std::int16_t version, std::int32_t correlation_id,
                    ByteView frame) {
  const auto key = static_cast<std::int16_t>(api.key);
  wire::Reader reader{frame};
  protocol::ResponseHeader header;
  REQUIRE(decode(reader, *wire::response_header_version(key, version), header));
  CHECK(header.correlation_id == correlation_id);
  wire::Writer again;
  std::size_t size = 0;
  CHECK(protocol::find_message(key, MessageKind::response)->reencode(reader, version, again, size));
  CHECK(reader.ok());
  CHECK(reader.remaining() == 0);
}

test::Bytes bytes_of(std::initializer_list<int> values) {
  test::Bytes bytes;
  for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

}  // namespace

TEST_CASE("every version of every served API answers anything that decodes, with the request's correlation id",
          "[api]") {
  const TestBroker broker;
  auto connection = broker.connect();
  wire::RandomSource random{1};
  std::int32_t correlation_id = 100;
  for (const auto& api : broker::api::entries()) {
    for (auto version = api.min_version; version <= api.max_version; ++version) {
      for (int instance = 0; instance < kInstances; ++instance) {
        CAPTURE(api.name, version, instance);
        send_request(connection, api, version, ++correlation_id, instance, random);
        const auto frame = connection.receive_frame();
        if (!frame) FAIL(frame.error().message());
        check_response(api, version, correlation_id, *frame);
      }
    }
  }
}

TEST_CASE("ApiVersions tells what is served", "[api]") {
  const TestBroker broker;
  auto connection = broker.connect();
  protocol::ApiVersionsRequest request;
  request.client_software_name = "test";
  request.client_software_version = "1.0";
  const auto answer = test::ask<protocol::ApiVersions>(connection, request);
  CHECK(test::number(answer.error_code) == 0);
  REQUIRE(answer.api_keys.size() == broker::api::entries().size());
  for (const auto& told : answer.api_keys) {
    const auto* api = broker::api::find(told.api_key);
    REQUIRE(api != nullptr);
    CHECK(told.max_version == api->max_version);
  }
}

TEST_CASE("an ApiVersions request of a version to come is answered in version 0 with the range that is known",
          "[api]") {
  const TestBroker broker;
  auto connection = broker.connect();
  // size 15; key 18, version 99, correlation id 7, client id "ab"; then something nobody knows
  REQUIRE(
      connection.send_bytes(bytes_of({0, 0, 0, 15, 0, 18, 0, 99, 0, 0, 0, 7, 0, 2, 'a', 'b', 0, 1, 2})).has_value());
  const auto frame = connection.receive_frame();
  REQUIRE(frame.has_value());
  // correlation id 7, error 35, one API: key 18, versions 0 to 5
  CHECK(*frame == bytes_of({0, 0, 0, 7, 0, 35, 0, 0, 0, 1, 0, 18, 0, 0, 0, 5}));
  // and the connection goes on
  CHECK(connection.send_bytes(bytes_of({0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 8, 255, 255})).has_value());
  CHECK(connection.receive_frame().has_value());
}

TEST_CASE("an unknown API or version closes that connection and no other", "[api]") {
  const TestBroker broker;
  auto other = broker.connect();
  const auto header = GENERATE(bytes_of({0, 0, 0, 10, 0, 99, 0, 0, 0, 0, 0, 1, 255, 255}),     // no such API
                               bytes_of({0, 0, 0, 10, 255, 255, 0, 0, 0, 0, 0, 1, 255, 255}),  // nor that
                               bytes_of({0, 0, 0, 10, 0, 3, 0, 99, 0, 0, 0, 1, 255, 255}),     // Metadata 99
                               bytes_of({0, 0, 0, 10, 0, 0, 0, 2, 0, 0, 0, 1, 255, 255}));     // Produce 2
  auto connection = broker.connect();
  REQUIRE(connection.send_bytes(header).has_value());
  CHECK(test::is_closed(connection));
  test::ask<protocol::ApiVersions>(other, {}, 0);
}

}  // namespace sluice

#include "broker/config/value.hpp"

#include <catch2/catch.hpp>

#include "broker/config/listener.hpp"
#include "broker/config/text.hpp"

using namespace sluice::broker::config;

namespace {

std::string complaint(std::string_view name, std::string_view value) {
  const auto* definition = find_broker_definition(name);
  REQUIRE(definition != nullptr);
  return complaint_about(*definition, value).value_or("fine");
}

}  // namespace

TEST_CASE("whole numbers are read to the edge of their type and not beyond") {
  CHECK(parse_integer(" 9223372036854775807 ") == 9223372036854775807);
  CHECK_FALSE(parse_integer("9223372036854775808"));
  CHECK(parse_integer("+5") == 5);
  for (const auto* text : {"", "+", "++5", "+-5", "5x", "0x10", "1e3", "5 5", "1.0"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_integer(text));
  }
}

TEST_CASE("sizes of our own settings may carry a suffix") {
  CHECK(parse_bytes("256MiB") == 268435456);
  CHECK(parse_bytes(" 1 gb ") == 1000000000);
  CHECK(parse_bytes("77") == 77);
  CHECK_FALSE(parse_bytes("9223372036854775807KiB"));
  CHECK_FALSE(parse_bytes("MiB"));
  CHECK(complaint("sluice.request.memory.bytes", "256MiB") == "fine");
  CHECK(normalized(*find_broker_definition("sluice.request.memory.bytes"), "256MiB") == "268435456");
  CHECK(complaint("socket.request.max.bytes", "100MiB") == "must be between 1 and 2147483647, in digits");
}

TEST_CASE("a complaint says what would be right") {
  CHECK(complaint("log.segment.bytes", "-5") == "must be between 14 and 2147483647");
  CHECK(complaint("log.segment.bytes", "2147483648") == "must be between 14 and 2147483647");
  CHECK(complaint("log.retention.ms", "-2") == "must be at least -1");
  CHECK(complaint("log.preallocate", "yes") == "must be true or false");
  CHECK(complaint("log.preallocate", " TRUE ") == "fine");
  CHECK(complaint("log.cleanup.policy", "delete,shred") == "must be a list of: compact, delete");
  CHECK(complaint("log.cleanup.policy", "compact , delete") == "fine");
  CHECK(complaint("log.cleanup.policy", "") == "fine");
  CHECK(complaint("compression.type", "zip") == "must be one of: uncompressed, zstd, lz4, snappy, gzip, producer");
  CHECK(complaint("compression.gzip.level", "0") == "must be -1 (the codec's own choice) or between 1 and 9");
  CHECK(complaint("compression.gzip.level", "-1") == "fine");
  CHECK(complaint("log.cleaner.min.cleanable.ratio", "1.1") == "must be a number between 0 and 1");
  CHECK(complaint("log.cleaner.min.cleanable.ratio", "nan") == "must be a number between 0 and 1");
  CHECK(complaint("log.cleaner.min.cleanable.ratio", "0.25") == "fine");
  CHECK(complaint("sluice.durability", "hope") == "must be one of: fsync, os");
}

TEST_CASE("the nearest name is offered only when it is near") {
  const std::vector<std::string_view> names{"log.segment.bytes", "log.retention.ms", "listeners"};
  CHECK(nearest_name("log.segmnet.bytes", names) == "log.segment.bytes");
  CHECK(nearest_name("Listener", names) == "listeners");
  CHECK(nearest_name("completely.different", names).empty());
}

TEST_CASE("listeners and endpoints are taken apart") {
  CHECK(parse_endpoint("localhost:9092") == Endpoint{"localhost", 9092});
  CHECK(parse_endpoint(":0") == Endpoint{"", 0});
  CHECK(parse_endpoint("[::1]:9092") == Endpoint{"::1", 9092});
  for (const auto* text : {"", "9092", "::1:9092", "h:65536", "h:-1", "h:", "h:port", "a b:1"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_endpoint(text));
  }
  const auto listener = parse_listener(" plaintext://0.0.0.0:1 ");
  REQUIRE(listener);
  CHECK(listener->name == "PLAINTEXT");
  CHECK(listener->endpoint == Endpoint{"0.0.0.0", 1});
  CHECK_FALSE(parse_listener("localhost:9092"));
  CHECK_FALSE(parse_listener("://localhost:9092"));
  const auto protocols = parse_protocol_map("in:PLAINTEXT, OUT:sasl_ssl");
  REQUIRE(protocols);
  CHECK(protocols->at("IN") == SecurityProtocol::plaintext);
  CHECK(protocols->at("OUT") == SecurityProtocol::sasl_ssl);
  CHECK_FALSE(parse_protocol_map("IN:TLS"));
}

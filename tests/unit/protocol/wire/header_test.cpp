#include "protocol/wire/header.hpp"

#include <catch2/catch.hpp>
#include <vector>

#include "protocol/wire/reader.hpp"
#include "protocol/wire/writer.hpp"

namespace sluice::wire {

namespace {

std::vector<std::byte> request(std::int16_t key, std::int16_t version, std::initializer_list<int> rest) {
  Writer out;
  out.int16(key);
  out.int16(version);
  out.int32(7);
  for (const int value : rest) out.int8(static_cast<std::int8_t>(value));
  return out.take();
}

}  // namespace

TEST_CASE("flexible requests have header 2, and their client id keeps its old form", "[wire]") {
  auto bytes = request(12, 4, {0, 1, 'c', 0, 99});
  Reader in{MutableBytes{bytes}};
  const auto header = parse_request_header(in);
  REQUIRE(header);
  CHECK(header->request_api_key == 12);
  CHECK(header->request_api_version == 4);
  CHECK(header->correlation_id == 7);
  CHECK(header->client_id == "c");
  CHECK(in.remaining() == 1);
}

TEST_CASE("older requests have header 1, whose client id may be null", "[wire]") {
  auto bytes = request(12, 3, {0xff, 0xff});
  Reader in{MutableBytes{bytes}};
  const auto header = parse_request_header(in);
  REQUIRE(header);
  CHECK(header->client_id == std::nullopt);
  CHECK(in.remaining() == 0);
}

TEST_CASE("the header of an ApiVersions request from the future is still read", "[wire]") {
  auto bytes = request(18, 99, {0, 1, 'c', 0});
  Reader in{MutableBytes{bytes}};
  CHECK(parse_request_header(in));
}

TEST_CASE("a request with an unknown key, or cut short, has no header", "[wire]") {
  auto unknown = request(1000, 0, {0, 1, 'c'});
  Reader in{MutableBytes{unknown}};
  CHECK_FALSE(parse_request_header(in));
  auto removed = request(4, 0, {0, 1, 'c'});
  in = Reader{MutableBytes{removed}};
  CHECK_FALSE(parse_request_header(in));
  const auto whole = request(12, 4, {0, 1, 'c', 0});
  for (std::size_t size = 0; size < whole.size(); ++size) {
    in = Reader{ByteView{whole}.first(size)};
    CHECK_FALSE(parse_request_header(in));
  }
}

TEST_CASE("the answer to ApiVersions always has header 0", "[wire]") {
  CHECK(response_header_version(18, 4) == 0);
  CHECK(response_header_version(12, 4) == 1);
  CHECK(response_header_version(12, 3) == 0);
  CHECK(response_header_version(17, 1) == 0);
  CHECK(response_header_version(-1, 0) == std::nullopt);
}

}  // namespace sluice::wire

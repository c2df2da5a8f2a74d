#include "protocol/record/record.hpp"

#include <catch2/catch.hpp>
#include <initializer_list>
#include <limits>
#include <vector>

#include "protocol/record/batch_view.hpp"
#include "tests/support/batches.hpp"

namespace {

using namespace sluice;
using namespace sluice::record;
using test::Bytes;

Bytes raw(std::initializer_list<int> bytes) {
  Bytes out;
  for (const int byte : bytes) out.push_back(static_cast<std::byte>(byte));
  return out;
}

}  // namespace

TEST_CASE("a record's fields are read where they lie", "[record]") {
  // length 16; attributes; timestamp delta 3; offset delta 0; key "k"; value "vw"; two headers: a=b, c=null
  const auto bytes = raw({32, 0, 6, 0, 2, 'k', 4, 'v', 'w', 4, 2, 'a', 2, 'b', 2, 'c', 1});
  RecordWalker walker{bytes, 1};
  const auto record = walker.next();
  REQUIRE((record && *record));
  CHECK((*record)->timestamp_delta == 3);
  CHECK((*record)->offset_delta == 0);
  CHECK(as_text(*(*record)->key) == "k");
  CHECK(as_text(*(*record)->value) == "vw");
  std::vector<Header> headers((*record)->headers.begin(), (*record)->headers.end());
  REQUIRE(headers.size() == 2);
  CHECK(as_text(headers[0].key) == "a");
  CHECK(as_text(*headers[0].value) == "b");
  CHECK(as_text(headers[1].key) == "c");
  CHECK_FALSE(headers[1].value);
  CHECK_FALSE(*walker.next());
}

TEST_CASE("null and empty keys and values are told apart", "[record]") {
  const auto bytes = raw({12, 0, 0, 0, 1, 0, 0});
  const auto record = *RecordWalker{bytes, 1}.next();
  REQUIRE(record);
  CHECK_FALSE(record->key);
  REQUIRE(record->value);
  CHECK(record->value->empty());
}

TEST_CASE("malformed records are refused by both readers", "[record]") {
  const auto body = GENERATE(raw({}), raw({0}), raw({0, 0, 0, 1, 1}), raw({0, 0, 0, 1, 1, 0, 0}),
                             raw({0, 0, 0, 3, 1, 0}),                                  // key length -2
                             raw({0, 0, 0, 4, 'k', 1, 0}),                             // key past the end
                             raw({0, 0, 0, 1, 20, 'v', 0}),                            // value past the end
                             raw({0, 0, 0, 1, 1, 1}),                                  // header count -1
                             raw({0, 0, 0, 1, 1, 2, 1, 1}),                            // null header key
                             raw({0, 0, 0, 1, 1, 2, 2, 'h'}),                          // header value missing
                             raw({0, 0, 0, 1, 1, 254, 255, 255, 255, 15}),             // two thousand million headers
                             raw({0, 0, 255, 255, 255, 255, 255, 1, 1, 1, 0}),         // varint of 6 bytes
                             raw({0, 0, 0, 1, 254, 255, 255, 255, 15, 'v', 'v', 0}));  // length 2^31 - 1
  RecordShape shape;
  CHECK_FALSE(check_record(body, shape));
  CHECK_FALSE(parse_record(body));
}

TEST_CASE("the records must fill their bytes and match their count", "[record]") {
  const auto two = raw({12, 0, 0, 0, 1, 1, 0, 12, 0, 0, 2, 1, 1, 0});
  SECTION("one fewer counted") {
    RecordWalker walker{two, 1};
    CHECK(*walker.next());
    CHECK(walker.next().error() == Errc::trailing_bytes);
  }
  SECTION("one more counted") {
    RecordWalker walker{two, 3};
    CHECK(*walker.next());
    CHECK(*walker.next());
    CHECK(walker.next().error() == Errc::records_missing);
  }
  SECTION("a length that reaches into the next record") {
    auto longer = two;
    longer[0] = std::byte{14};
    CHECK(RecordWalker{longer, 2}.next().error() == Errc::malformed_record);
  }
}

TEST_CASE("sequences go on from 0 after the largest", "[record]") {
  constexpr auto kMax = std::numeric_limits<std::int32_t>::max();
  CHECK(sequence_of(-1, 5) == -1);
  CHECK(sequence_of(7, 5) == 12);
  CHECK(sequence_of(kMax, 0) == kMax);
  CHECK(sequence_of(kMax - 1, 3) == 1);
}

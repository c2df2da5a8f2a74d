#include "protocol/wire/reader.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <string>
#include <vector>

#include "protocol/wire/writer.hpp"

namespace sluice::wire {

namespace {

/// A reader of the given bytes.
struct Bytes {
  std::vector<std::byte> all;
  explicit Bytes(std::initializer_list<int> values) {
    for (const int value : values) all.push_back(static_cast<std::byte>(value));
  }
  Reader reader() { return Reader{MutableBytes{all}}; }
};

}  // namespace

TEST_CASE("a reader that failed yields zeros and stays failed", "[wire]") {
  Bytes bytes{0, 1, 2};
  auto in = bytes.reader();
  CHECK(in.int16() == 1);
  CHECK(in.int32() == 0);
  CHECK_FALSE(in.ok());
  CHECK(in.remaining() == 0);
  CHECK(in.int8() == 0);
  CHECK(in.string(true).empty());
  CHECK(in.uuid().is_zero());
  CHECK_FALSE(in.present());
  CHECK(in.nullable_array_length(true, 1) == 0);
  CHECK_FALSE(in.ok());
}

TEST_CASE("every type reads back what was written", "[wire]") {
  Writer out;
  out.int8(-2);
  out.int16(-300);
  out.int32(-70'000);
  out.int64(-5'000'000'000);
  out.uint16(65'535);
  out.uint32(4'000'000'000);
  out.boolean(true);
  out.float64(-0.5);
  out.varint(300);
  Reader in{out.bytes()};
  CHECK(in.int8() == -2);
  CHECK(in.int16() == -300);
  CHECK(in.int32() == -70'000);
  CHECK(in.int64() == -5'000'000'000);
  CHECK(in.uint16() == 65'535);
  CHECK(in.uint32() == 4'000'000'000);
  CHECK(in.boolean());
  CHECK(in.float64() == -0.5);
  CHECK(in.varint() == 300);
  CHECK(in.ok());
  CHECK(in.remaining() == 0);
}

TEST_CASE("null is told from empty, in both encodings", "[wire]") {
  Bytes plain{0xff, 0xff, 0, 0};
  auto in = plain.reader();
  CHECK(in.nullable_string(false) == std::nullopt);
  CHECK(in.nullable_string(false) == std::string{});
  Bytes compact{0, 1};
  in = compact.reader();
  CHECK(in.nullable_bytes(true) == std::nullopt);
  CHECK(in.nullable_bytes(true) == std::vector<std::byte>{});
  CHECK(in.ok());
}

TEST_CASE("null where a value must be is an error", "[wire]") {
  Bytes plain{0xff, 0xff, 0xff, 0xff};
  CHECK([&] {
    auto in = plain.reader();
    in.string(false);
    return in.ok();
  }() == false);
  CHECK([&] {
    auto in = plain.reader();
    in.bytes(false);
    return in.ok();
  }() == false);
  CHECK([&] {
    auto in = plain.reader();
    in.records(false);
    return in.ok();
  }() == false);
  CHECK([&] {
    auto in = plain.reader();
    in.array_length(false, 1);
    return in.ok();
  }() == false);
  Bytes compact{0};
  CHECK([&] {
    auto in = compact.reader();
    in.string(true);
    return in.ok();
  }() == false);
}

TEST_CASE("lengths below -1 are errors", "[wire]") {
  Bytes bytes{0xff, 0xff, 0xff, 0xfe};
  auto in = bytes.reader();
  CHECK(in.nullable_array_length(false, 1) == 0);
  CHECK_FALSE(in.ok());
  Bytes text{0xff, 0xfe};
  in = text.reader();
  CHECK(in.nullable_string(false) == std::string{});
  CHECK_FALSE(in.ok());
}

TEST_CASE("an array has no more elements than its bytes have room for", "[wire]") {
  Bytes bytes{0, 0, 0, 3, 1, 2, 3, 4, 5, 6};
  auto in = bytes.reader();
  CHECK(in.array_length(false, 2) == 3);
  in = bytes.reader();
  CHECK(in.array_length(false, 3) == 0);
  CHECK_FALSE(in.ok());
}

TEST_CASE("a compact string is no longer than 32767 bytes, as the older form", "[wire]") {
  Writer out;
  out.varint(32'768 + 1);
  out.raw(std::vector<std::byte>(32'768));
  Reader in{out.bytes()};
  in.string(true);
  CHECK_FALSE(in.ok());
}

TEST_CASE("room is reserved for what may arrive, not for what a count claims", "[wire]") {
  struct Large {
    std::byte bytes[1000];
  };
  std::vector<Large> elements;
  const std::vector<std::byte> frame(10'000);
  reserve_for(elements, 10'000, Reader{ByteView{frame}});
  CHECK(elements.capacity() * sizeof(Large) <= 3 * frame.size());
}

TEST_CASE("records are a view of the bytes that were read", "[wire]") {
  Bytes bytes{3, 7, 8};
  auto in = bytes.reader();
  const auto records = in.nullable_records(true);
  REQUIRE(records.size() == 2);
  records.bytes()[0] = std::byte{9};
  CHECK(bytes.all[1] == std::byte{9});
}

TEST_CASE("a narrowed reader does not see what follows", "[wire]") {
  Bytes bytes{1, 2, 3, 4};
  auto in = bytes.reader();
  auto* end = in.enter(2);
  CHECK(in.remaining() == 2);
  CHECK(in.int16() == 0x0102);
  in.leave(end);
  CHECK(in.remaining() == 2);
  end = in.enter(2);
  in.int8();
  in.leave(end);  // one byte was not taken
  CHECK_FALSE(in.ok());
  CHECK(in.remaining() == 0);
}

}  // namespace sluice::wire

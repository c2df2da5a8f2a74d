#include "protocol/wire/writer.hpp"

#include <catch2/catch.hpp>
#include <vector>

#include "protocol/wire/frame.hpp"
#include "protocol/wire/size.hpp"

namespace sluice::wire {

namespace {

std::vector<int> numbers(ByteView bytes) {
  std::vector<int> values;
  for (const auto byte : bytes) values.push_back(static_cast<int>(byte));
  return values;
}

}  // namespace

TEST_CASE("lengths are two or four bytes before KIP-482, and varints since", "[wire]") {
  Writer out;
  out.string("ab", false);
  out.string("ab", true);
  out.nullable_string(std::nullopt, false);
  out.nullable_string(std::nullopt, true);
  out.array_length(1, false);
  out.array_length(1, true);
  out.null_array(false);
  out.null_array(true);
  CHECK(numbers(out.bytes()) == std::vector<int>{0, 2, 'a', 'b', 3, 'a', 'b', 255, 255, 0,  //
                                                 0, 0, 0,   1,   2, 255, 255, 255, 255, 0});
}

TEST_CASE("spliced records leave their length and a mark where their bytes belong", "[wire]") {
  std::vector<std::byte> batch(3, std::byte{7});
  Writer out;
  begin_frame(out);
  out.records(Records::spliced(5), true);
  out.records(Records::view(batch), true);
  out.records(Records::null(), true);
  out.records(Records::spliced(300), false);
  end_frame(out);
  CHECK(numbers(out.bytes()) == std::vector<int>{0, 0, 1, 59, 6, 4, 7, 7, 7, 0, 0, 0, 1, 44});
  REQUIRE(out.splices().size() == 2);
  CHECK(out.splices()[0] == Splice{5, 5});
  CHECK(out.splices()[1] == Splice{14, 300});
  CHECK(out.size() + out.spliced_size() == kFrameSizeBytes + 315);
  CHECK(records_size(Records::spliced(5), true) == 6);
}

TEST_CASE("a cleared writer starts over in the buffer it has", "[wire]") {
  Writer out;
  out.raw(std::vector<std::byte>(1000, std::byte{1}));
  out.records(Records::spliced(9), false);
  const auto* buffer = out.bytes().data();
  out.clear();
  CHECK(out.size() == 0);
  CHECK(out.splices().empty());
  out.int32(1);
  CHECK(out.bytes().data() == buffer);
  CHECK(numbers(out.bytes()) == std::vector<int>{0, 0, 0, 1});
}

TEST_CASE("taken bytes are exactly those written", "[wire]") {
  Writer out;
  out.int16(5);
  CHECK(out.take() == std::vector<std::byte>{std::byte{0}, std::byte{5}});
  CHECK(out.size() == 0);
  out.int8(1);
  CHECK(out.size() == 1);
}

TEST_CASE("a frame's size must be positive and within the limit", "[wire]") {
  const auto of = [](std::int32_t size) {
    std::vector<std::byte> bytes(4);
    store_be(bytes.data(), size);
    return frame_size(bytes, 100);
  };
  CHECK(of(100) == 100U);
  CHECK(of(1) == 1U);
  CHECK(of(0) == std::nullopt);
  CHECK(of(-1) == std::nullopt);
  CHECK(of(101) == std::nullopt);
}

}  // namespace sluice::wire

#include <catch2/catch.hpp>
#include <cstring>

#include "broker/server/receive_buffer.hpp"

namespace sluice::broker {
namespace {

constexpr std::size_t kFrameBytesMax = 10U << 20;

void receive(ReceiveBuffer& buffer, ByteView bytes) {
  while (!bytes.empty()) {
    const auto room = buffer.room();
    const auto count = std::min(room.size(), bytes.size());
    std::memcpy(room.data(), bytes.data(), count);
    buffer.received(count);
    bytes = bytes.subspan(count);
    if (buffer.growth_wanted() > 0) return;
  }
}

std::vector<std::byte> frame_of(std::size_t size) {
  std::vector<std::byte> frame(4 + size, std::byte{7});
  store_be(frame.data(), static_cast<std::int32_t>(size));
  return frame;
}

/// A buffer that was grown for a frame of 1 MB, which was handled.
ReceiveBuffer grown() {
  ReceiveBuffer buffer{kFrameBytesMax};
  const auto frame = frame_of(1U << 20);
  receive(buffer, ByteView{frame}.first(100));
  buffer.grow();
  receive(buffer, ByteView{frame}.subspan(100));
  REQUIRE(buffer.next().status == ReceiveBuffer::Status::frame);
  buffer.release();
  return buffer;
}

}  // namespace

TEST_CASE("a grown buffer gives its block back before it asks for a larger one, and loses nothing",
          "[receive_buffer]") {
  auto buffer = grown();
  const auto freed = buffer.grown_by();
  const auto frame = frame_of(2U << 20);
  receive(buffer, ByteView{frame}.first(1000));
  REQUIRE(buffer.growth_wanted() > 0);
  CHECK(buffer.retreat() == freed);
  CHECK(buffer.grown_by() == 0);
  CHECK(buffer.growth_wanted() == frame.size() - ReceiveBuffer::kSmallest);
  buffer.grow();
  receive(buffer, ByteView{frame}.subspan(1000));
  const auto next = buffer.next();
  REQUIRE(next.status == ReceiveBuffer::Status::frame);
  CHECK(std::memcmp(next.payload.data(), frame.data() + 4, next.payload.size()) == 0);
}

TEST_CASE("small frames come by the smallest block's size, however large the block", "[receive_buffer]") {
  auto buffer = grown();
  CHECK(buffer.room().size() == ReceiveBuffer::kSmallest);
}

TEST_CASE("a buffer of the smallest size has nothing to give back", "[receive_buffer]") {
  ReceiveBuffer buffer{kFrameBytesMax};
  CHECK(buffer.retreat() == 0);
}

}  // namespace sluice::broker

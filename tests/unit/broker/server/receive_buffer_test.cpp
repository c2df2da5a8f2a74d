#include "broker/server/receive_buffer.hpp"

#include <catch2/catch.hpp>
#include <cstring>
#include <random>
#include <string>
#include <vector>

namespace sluice::broker {
namespace {

using Status = ReceiveBuffer::Status;
constexpr std::size_t kFrameMax = 1 << 20;

std::string frame(const std::string& payload) {
  std::string bytes(4, '\0');
  store_be(reinterpret_cast<std::byte*>(bytes.data()), static_cast<std::int32_t>(payload.size()));
  return bytes + payload;
}

std::string announcing(std::int32_t size) {
  std::string bytes(4, '\0');
  store_be(reinterpret_cast<std::byte*>(bytes.data()), size);
  return bytes;
}

std::string text_of(MutableBytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

/// Plays the connection: puts `stream` in as the buffer has room for it and takes out every frame.
struct Feed {
  ReceiveBuffer buffer{kFrameMax};
  std::vector<std::string> frames;

  void take_frames() {
    for (auto next = buffer.next(); next.status == Status::frame; next = buffer.next()) {
      frames.push_back(text_of(next.payload));
      buffer.release();
    }
  }
  void give(std::string_view stream, std::size_t at_once = SIZE_MAX) {
    while (!stream.empty()) {
      buffer.grow();
      const auto room = buffer.room();
      REQUIRE_FALSE(room.empty());
      const auto count = std::min({room.size(), stream.size(), at_once});
      std::memcpy(room.data(), stream.data(), count);
      buffer.received(count);
      stream.remove_prefix(count);
      take_frames();
    }
  }
};

}  // namespace

TEST_CASE("frames that arrive together are handed out one by one", "[receive_buffer]") {
  Feed feed;
  feed.give(frame("one") + frame("two") + frame("three"));
  CHECK(feed.frames == std::vector<std::string>{"one", "two", "three"});
  CHECK(feed.buffer.empty());
  CHECK(feed.buffer.grown_by() == 0);
}

TEST_CASE("a frame that arrives byte by byte is whole only with its last byte", "[receive_buffer]") {
  Feed feed;
  const auto bytes = frame("slow");
  feed.give(bytes.substr(0, bytes.size() - 1), 1);
  CHECK(feed.frames.empty());
  CHECK(feed.buffer.next().status == Status::incomplete);
  feed.give(bytes.substr(bytes.size() - 1));
  CHECK(feed.frames == std::vector<std::string>{"slow"});
}

TEST_CASE("a payload may be changed where it was received", "[receive_buffer]") {
  Feed feed;
  const auto room = feed.buffer.room();
  const auto bytes = frame("abc");
  std::memcpy(room.data(), bytes.data(), bytes.size());
  feed.buffer.received(bytes.size());
  auto next = feed.buffer.next();
  REQUIRE(next.status == Status::frame);
  next.payload[0] = std::byte{'X'};
  CHECK(text_of(next.payload) == "Xbc");
  CHECK(next.payload.data() == room.data() + 4);
}

TEST_CASE("a size that no frame may have is told at once", "[receive_buffer]") {
  const auto [size, status] = GENERATE(table<std::int32_t, Status>({{0, Status::bad_size},
                                                                    {-1, Status::bad_size},
                                                                    {INT32_MIN, Status::bad_size},
                                                                    {kFrameMax + 1, Status::too_large},
                                                                    {INT32_MAX, Status::too_large}}));
  ReceiveBuffer buffer{kFrameMax};
  const auto bytes = announcing(size);
  std::memcpy(buffer.room().data(), bytes.data(), bytes.size());
  buffer.received(bytes.size());
  CHECK(buffer.next().status == status);
}

TEST_CASE("no room is wanted for a frame that will be refused", "[receive_buffer]") {
  ReceiveBuffer buffer{kFrameMax};
  const auto bytes = announcing(INT32_MAX);
  std::memcpy(buffer.room().data(), bytes.data(), bytes.size());
  buffer.received(bytes.size());
  CHECK(buffer.growth_wanted() == 0);
}

TEST_CASE("a block grows to exactly the frame that was announced, and shrinks when it was handled",
          "[receive_buffer]") {
  Feed feed;
  const std::string large(ReceiveBuffer::kSmallest * 3, 'L');
  const auto bytes = frame(large);
  feed.give(bytes.substr(0, 4));
  CHECK(feed.buffer.growth_wanted() == bytes.size() - ReceiveBuffer::kSmallest);
  CHECK(feed.buffer.grown_by() == 0);
  feed.give(bytes.substr(4));
  CHECK(feed.frames == std::vector<std::string>{large});
  CHECK(feed.buffer.grown_by() == bytes.size() - ReceiveBuffer::kSmallest);
  CHECK(feed.buffer.shrink() == bytes.size() - ReceiveBuffer::kSmallest);
  CHECK(feed.buffer.grown_by() == 0);
  feed.give(frame("still works"));
  CHECK(feed.frames.back() == "still works");
}

TEST_CASE("a large frame is read up to its end and no further", "[receive_buffer]") {
  Feed feed;
  const auto bytes = frame(std::string(ReceiveBuffer::kSmallest * 2, 'L'));
  feed.give(bytes.substr(0, 1000));
  feed.buffer.grow();
  CHECK(feed.buffer.room().size() == bytes.size() - 1000);
}

TEST_CASE("a block that still holds bytes does not shrink", "[receive_buffer]") {
  Feed feed;
  feed.give(frame(std::string(ReceiveBuffer::kSmallest * 2, 'L')));
  feed.give(frame("next").substr(0, 5));
  CHECK(feed.buffer.shrink() == 0);
  feed.give(frame("next").substr(5));
  CHECK(feed.frames.back() == "next");
}

TEST_CASE("any frames, cut in any pieces, come out as they went in", "[receive_buffer]") {
  std::mt19937 random{7};
  for (int round = 0; round < 20; ++round) {
    std::vector<std::string> sent;
    std::string stream;
    for (int i = 0; i < 30; ++i) {
      const std::size_t size = random() % 8 == 0 ? random() % 100'000 : random() % 300;
      sent.emplace_back(size + 1, static_cast<char>('a' + i % 26));
      stream += frame(sent.back());
    }
    Feed feed;
    for (std::size_t at = 0; at < stream.size();) {
      const auto count = std::min<std::size_t>(random() % 5000 + 1, stream.size() - at);
      feed.give(std::string_view{stream}.substr(at, count));
      at += count;
    }
    REQUIRE(feed.frames == sent);
  }
}

}  // namespace sluice::broker

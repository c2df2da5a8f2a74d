#include "broker/server/response_queue.hpp"

#include <catch2/catch.hpp>
#include <vector>

namespace sluice::broker {
namespace {

OutgoingResponse response(int number) { return {.bytes = {static_cast<std::byte>(number)}}; }

std::vector<int> drained(ResponseQueue& queue) {
  std::vector<int> numbers;
  queue.drain([&](OutgoingResponse ready) { numbers.push_back(static_cast<int>(ready.bytes.at(0))); });
  return numbers;
}

}  // namespace

TEST_CASE("answers leave in the order of their requests, whatever order they come in", "[response_queue]") {
  ResponseQueue queue;
  const auto first = queue.open();
  const auto second = queue.open();
  const auto third = queue.open();
  queue.fill(third, response(3));
  CHECK(drained(queue).empty());
  queue.fill(first, response(1));
  CHECK(drained(queue) == std::vector<int>{1});
  queue.fill(second, response(2));
  CHECK(drained(queue) == std::vector<int>{2, 3});
  CHECK(queue.open_count() == 0);
}

TEST_CASE("a request without an answer is passed over", "[response_queue]") {
  ResponseQueue queue;
  const auto silent = queue.open();
  const auto asked = queue.open();
  queue.fill(asked, response(7));
  CHECK(drained(queue).empty());
  queue.fill(silent, std::nullopt);
  CHECK(drained(queue) == std::vector<int>{7});
}

TEST_CASE("slots stay valid after earlier ones have left", "[response_queue]") {
  ResponseQueue queue;
  for (int i = 0; i < 100; ++i) {
    const auto slot = queue.open();
    const auto next = queue.open();
    queue.fill(next, response(i + 1));
    queue.fill(slot, response(i));
    REQUIRE(drained(queue) == std::vector<int>{i, i + 1});
  }
}

}  // namespace sluice::broker

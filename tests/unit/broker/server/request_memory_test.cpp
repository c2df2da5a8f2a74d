#include "broker/server/request_memory.hpp"

#include <atomic>
#include <catch2/catch.hpp>
#include <thread>
#include <vector>

#include "tests/support/eventually.hpp"

namespace sluice::broker {
namespace {

Task nothing() {
  return [] {};
}

}  // namespace

TEST_CASE("memory is granted up to the budget", "[request_memory]") {
  RequestMemory memory{100};
  CHECK(memory.acquire(60, nothing()));
  CHECK(memory.acquire(40, nothing()));
  CHECK(memory.in_use() == 100);
  CHECK_FALSE(memory.acquire(1, nothing()));
  memory.release(100);
  CHECK(memory.in_use() == 0);
}

TEST_CASE("whoever was refused is told when memory was released", "[request_memory]") {
  RequestMemory memory{100};
  REQUIRE(memory.acquire(100, nothing()));
  int woken = 0;
  CHECK_FALSE(memory.acquire(10, [&] { ++woken; }));
  CHECK_FALSE(memory.acquire(20, [&] { ++woken; }));
  CHECK(woken == 0);
  memory.release(50);
  CHECK(woken == 2);
  memory.release(50);
  CHECK(woken == 2);  // each once
}

TEST_CASE("a request larger than the whole budget is granted alone", "[request_memory]") {
  RequestMemory memory{100};
  REQUIRE(memory.acquire(1, nothing()));
  CHECK_FALSE(memory.acquire(1000, nothing()));
  memory.release(1);
  CHECK(memory.acquire(1000, nothing()));
  CHECK_FALSE(memory.acquire(1, nothing()));
  memory.release(1000);
  CHECK(memory.acquire(1, nothing()));
}

TEST_CASE("nobody waits forever and the budget holds while many threads compete", "[request_memory]") {
  constexpr std::size_t kBudget = 64;
  RequestMemory memory{kBudget};
  std::atomic<std::size_t> in_use{0};
  std::atomic<bool> exceeded{false};
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 2000; ++i) {
        const auto size = (t * 7 + static_cast<std::size_t>(i)) % 40 + 1;
        for (;;) {
          auto retry = std::make_shared<std::atomic<bool>>(false);
          if (memory.acquire(size, [retry] { retry->store(true); })) break;
          if (!test::eventually([&] { return retry->load(); })) {
            exceeded.store(true);
            return;
          }
        }
        if (in_use.fetch_add(size) + size > kBudget) exceeded.store(true);
        in_use.fetch_sub(size);
        memory.release(size);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK_FALSE(exceeded.load());
  CHECK(memory.in_use() == 0);
}

}  // namespace sluice::broker

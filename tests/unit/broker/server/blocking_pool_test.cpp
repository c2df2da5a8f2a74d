#include "broker/server/blocking_pool.hpp"

#include <atomic>
#include <catch2/catch.hpp>
#include <future>
#include <thread>
#include <vector>

namespace sluice::broker {

TEST_CASE("one thread runs what is posted in order", "[blocking_pool]") {
  std::vector<int> ran;
  BlockingPool pool{1, "test"};
  for (int i = 0; i < 100; ++i) {
    pool.post([&ran, i] { ran.push_back(i); });
  }
  pool.finish();
  REQUIRE(ran.size() == 100);
  CHECK(std::is_sorted(ran.begin(), ran.end()));
}

TEST_CASE("finishing runs what was posted, and may be repeated", "[blocking_pool]") {
  std::atomic<int> ran{0};
  {
    BlockingPool pool{3, "test"};
    for (int i = 0; i < 1000; ++i) {
      pool.post([&ran] { ++ran; });
    }
    pool.finish();
    CHECK(ran == 1000);
    pool.finish();
  }
  CHECK(ran == 1000);
}

TEST_CASE("a task that stalls does not hold up those on other threads", "[blocking_pool]") {
  std::promise<void> release;
  std::promise<void> other_ran;
  BlockingPool pool{2, "test"};
  pool.post([&] { release.get_future().wait(); });
  pool.post([&] { other_ran.set_value(); });
  CHECK(other_ran.get_future().wait_for(std::chrono::seconds{10}) == std::future_status::ready);
  release.set_value();
}

}  // namespace sluice::broker

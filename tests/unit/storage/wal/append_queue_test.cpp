#include "storage/wal/append_queue.hpp"

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <thread>

namespace sluice::storage::wal {
namespace {

using namespace std::chrono_literals;

TEST_CASE("those who come while one appends are appended together", "[wal][threads]") {
  AppendQueue queue{1000};
  std::atomic<int> coming{0};
  std::atomic<bool> leading{false};
  std::vector<std::size_t> groups;
  const auto append = [&](std::vector<Ticket*>& group) {
    groups.push_back(group.size());
    leading = true;
    if (groups.size() > 1) return;
    while (coming < 5) std::this_thread::yield();
    std::this_thread::sleep_for(100ms);  // by now they wait: spun, yielded, asleep
  };
  Ticket first;
  std::thread leader{[&] { queue.submit(first, append); }};
  while (!leading) std::this_thread::yield();
  std::vector<std::thread> others;
  for (int i = 0; i < 5; ++i) {
    others.emplace_back([&] {
      Ticket ticket;
      ticket.bytes = 10;
      ++coming;
      queue.submit(ticket, append);
    });
  }
  leader.join();
  for (auto& other : others) other.join();
  std::size_t total = 0;
  for (const auto size : groups) total += size;
  CHECK(total == 6);
  CHECK(groups.size() < 6);
}

TEST_CASE("a group is bounded by its bytes, but one ticket is always taken", "[wal][threads]") {
  AppendQueue queue{100};
  std::atomic<std::size_t> largest{0};
  std::atomic<int> appended{0};
  const auto append = [&](std::vector<Ticket*>& group) {
    largest = std::max<std::size_t>(largest, group.size());
    appended += static_cast<int>(group.size());
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 500; ++n) {
        Ticket ticket;
        ticket.bytes = n % 2 == 0 ? 50 : 500;
        queue.submit(ticket, append);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(appended == 2000);
  CHECK(largest <= 2);
}

TEST_CASE("the error of a group reaches each of its tickets", "[wal][threads]") {
  AppendQueue queue{1000};
  std::atomic<int> failed{0};
  const auto append = [](std::vector<Ticket*>& group) {
    for (auto* ticket : group) ticket->error = std::make_error_code(std::errc::no_space_on_device);
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 100; ++n) {
        Ticket ticket;
        queue.submit(ticket, append);
        if (ticket.error == std::errc::no_space_on_device) ++failed;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(failed == 400);
}

}  // namespace
}  // namespace sluice::storage::wal

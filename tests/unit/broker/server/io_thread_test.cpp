#include "broker/server/io_thread.hpp"

#include <atomic>
#include <catch2/catch.hpp>
#include <future>

#include "tests/support/eventually.hpp"

namespace sluice::broker {
namespace {

using namespace std::chrono_literals;

/// Runs `work` on `thread` and waits for it.
template <class Work>
void run_on(IoThread& thread, Work work) {
  std::promise<void> done;
  thread.post([&] {
    work();
    done.set_value();
  });
  REQUIRE(done.get_future().wait_for(10s) == std::future_status::ready);
}

}  // namespace

TEST_CASE("work that is posted runs on the io thread", "[io_thread]") {
  IoThread thread{0};
  thread.start();
  CHECK_FALSE(thread.is_current());
  bool on_it = false;
  run_on(thread, [&] { on_it = thread.is_current(); });
  CHECK(on_it);
}

TEST_CASE("run_or_post runs at once on its own thread only", "[io_thread]") {
  IoThread thread{0};
  thread.start();
  bool at_once = false;
  run_on(thread, [&] {
    thread.run_or_post([&] { at_once = true; });
    CHECK(at_once);
  });
  std::promise<bool> posted;
  thread.run_or_post([&] { posted.set_value(thread.is_current()); });
  CHECK(posted.get_future().get());
}

TEST_CASE("a timer fires once, no earlier than asked", "[io_thread]") {
  IoThread thread{0};
  thread.start();
  std::unique_ptr<Timer> timer;
  std::atomic<int> fired{0};
  const auto start = std::chrono::steady_clock::now();
  std::atomic<std::chrono::steady_clock::duration::rep> took{0};
  run_on(thread, [&] {
    timer = thread.after(20ms, [&] {
      took = (std::chrono::steady_clock::now() - start).count();
      ++fired;
    });
  });
  CHECK(test::eventually([&] { return fired == 1; }));
  CHECK(std::chrono::steady_clock::duration{took.load()} >= 20ms);
  run_on(thread, [&] { timer.reset(); });
  CHECK(fired == 1);
}

TEST_CASE("a timer that is destroyed does not fire, even when it is due already", "[io_thread]") {
  IoThread thread{0};
  thread.start();
  bool fired = false;
  run_on(thread, [&] {
    auto due = thread.after(0ms, [&] { fired = true; });
    std::this_thread::sleep_for(5ms);
    due.reset();
    auto later = thread.after(1h, [&] { fired = true; });
  });
  run_on(thread, [] {});
  std::this_thread::sleep_for(5ms);
  run_on(thread, [&] { CHECK_FALSE(fired); });
}

TEST_CASE("a timer may destroy itself while it fires", "[io_thread]") {
  IoThread thread{0};
  thread.start();
  std::unique_ptr<Timer> timer;
  std::promise<void> fired;
  run_on(thread, [&] {
    timer = thread.after(1ms, [&] {
      timer.reset();
      fired.set_value();
    });
  });
  CHECK(fired.get_future().wait_for(10s) == std::future_status::ready);
}

TEST_CASE("stopping ends the loop with work and timers left, and may be repeated", "[io_thread]") {
  auto held = std::make_shared<int>(0);
  {
    IoThread thread{0};
    thread.start();
    std::unique_ptr<Timer> timer;
    run_on(thread, [&] { timer = thread.after(1h, [held] { ++*held; }); });
    thread.stop();
    thread.stop();
    thread.post([held] { ++*held; });
    timer.reset();
  }
  CHECK(*held == 0);
  CHECK(held.use_count() == 1);  // what did not run was destroyed with the thread
}

}  // namespace sluice::broker

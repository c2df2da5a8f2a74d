#include "broker/server/blocking_pool.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <pthread.h>
#include <spdlog/spdlog.h>
#include <thread>
#include <vector>

#include "broker/thread_priority.hpp"

namespace sluice::broker {

struct BlockingPool::State {
  std::mutex mutex;
  std::condition_variable wake;
  std::deque<Task> tasks;
  bool finishing = false;
  std::vector<std::thread> threads;

  void run() {
    std::unique_lock lock{mutex};
    for (;;) {
      wake.wait(lock, [this] { return finishing || !tasks.empty(); });
      if (tasks.empty()) return;
      Task task = std::move(tasks.front());
      tasks.pop_front();
      lock.unlock();
      try {
        task();
      } catch (const std::exception& error) {  // out of memory, say: one piece of work must not end the process
        spdlog::critical("a background task failed: {}", error.what());
      }
      task = {};
      lock.lock();
    }
  }
};

BlockingPool::BlockingPool(unsigned threads, const char* name, Priority priority) : state_(std::make_unique<State>()) {
  for (unsigned i = 0; i < threads; ++i) {
    state_->threads.emplace_back([state = state_.get(), priority] {
      if (priority == Priority::background) yield_to_other_threads();
      state->run();
    });
    pthread_setname_np(state_->threads.back().native_handle(), name);
  }
}

BlockingPool::~BlockingPool() { finish(); }

void BlockingPool::post(Task task) {
  {
    const std::lock_guard lock{state_->mutex};
    state_->tasks.push_back(std::move(task));
  }
  state_->wake.notify_one();
}

void BlockingPool::finish() {
  {
    const std::lock_guard lock{state_->mutex};
    state_->finishing = true;
  }
  state_->wake.notify_all();
  for (auto& thread : state_->threads) {
    if (thread.joinable()) thread.join();
  }
}

}  // namespace sluice::broker

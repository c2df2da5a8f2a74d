#include "broker/server/io_thread.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <fmt/format.h>
#include <pthread.h>
#include <spdlog/spdlog.h>

namespace sluice::broker {
namespace {

thread_local const IoThread* current_thread = nullptr;

class AsioTimer final : public Timer {
 public:
  AsioTimer(boost::asio::io_context& context, std::chrono::milliseconds delay, Task task) : timer_(context, delay) {
    timer_.async_wait(
        [task = std::move(task), alive = std::weak_ptr<bool>(alive_)](boost::system::error_code error) mutable {
          // Cancelling can come too late to stop a handler that is already queued: the handle's life decides.
          if (!error && !alive.expired()) task();
        });
  }

 private:
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  boost::asio::steady_timer timer_;
};

}  // namespace

struct IoThread::KeepRunning {
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard;
};

// One thread runs the context: the hint spares Asio the wake-ups it would do for a pool.
IoThread::IoThread(unsigned index, const char* purpose)
    : index_(index),
      purpose_(purpose),
      context_(std::make_unique<boost::asio::io_context>(1)),
      keep_running_(new KeepRunning{boost::asio::make_work_guard(*context_)}) {}

IoThread::~IoThread() { stop(); }

void IoThread::start() {
  thread_ = std::thread([this] {
    current_thread = this;
    pthread_setname_np(pthread_self(), fmt::format("{}-{}", purpose_, index_).c_str());
    for (;;) {
      try {
        context_->run();
        return;
      } catch (const std::exception& error) {  // whoever's work it was is abandoned, the others' goes on
        spdlog::critical("{}-{}: {}", purpose_, index_, error.what());
      }
    }
  });
}

void IoThread::stop() {
  context_->stop();
  if (thread_.joinable()) thread_.join();
}

void IoThread::post(Task task) { boost::asio::post(*context_, std::move(task)); }

void IoThread::run_or_post(Task task) {
  if (is_current()) return task();
  post(std::move(task));
}

bool IoThread::is_current() const noexcept { return current_thread == this; }

std::unique_ptr<Timer> IoThread::after(std::chrono::milliseconds delay, Task task) {
  return std::make_unique<AsioTimer>(*context_, delay, std::move(task));
}

}  // namespace sluice::broker

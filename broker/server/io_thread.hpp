#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <thread>

#include "protocol/base/task.hpp"

namespace boost::asio {
class io_context;
}

namespace sluice::broker {

/// A running timer; destroying it cancels it. Belongs to the thread that made it.
class Timer {
 public:
  virtual ~Timer() = default;
};

/// One event loop and its thread. Connections, and the requests they carry, stay on the one they were given to.
class IoThread {
 public:
  /// Its name is `purpose` and its index; at most 15 characters.
  explicit IoThread(unsigned index, const char* purpose = "sluice-io");
  ~IoThread();  ///< stops and joins
  IoThread(const IoThread&) = delete;
  IoThread& operator=(const IoThread&) = delete;

  void start();
  void stop();  ///< ends the loop, whatever is left to do, and joins; idempotent

  void post(Task task);         ///< runs `task` on this thread, later; from any thread
  void run_or_post(Task task);  ///< at once when called on this thread
  bool is_current() const noexcept;

  /// Runs `task` on this thread after `delay`, unless the handle is destroyed first. Call on this thread.
  std::unique_ptr<Timer> after(std::chrono::milliseconds delay, Task task);

  unsigned index() const noexcept { return index_; }
  boost::asio::io_context& context() noexcept { return *context_; }

 private:
  struct KeepRunning;

  unsigned index_;
  const char* purpose_;
  std::unique_ptr<boost::asio::io_context> context_;
  std::unique_ptr<KeepRunning> keep_running_;
  std::thread thread_;
};

}  // namespace sluice::broker

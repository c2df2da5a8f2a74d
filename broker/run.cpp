#include <condition_variable>
#include <csignal>
#include <memory>
#include <mutex>
#include <pthread.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <thread>
#include <unistd.h>

#include "broker/broker.hpp"
#include "broker/descriptor_limit.hpp"

namespace sluice::broker {
namespace {

constexpr int kFailed = 1;

void set_up_logging() {
  spdlog::set_default_logger(spdlog::stderr_color_mt("sluiced"));
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %^%l%$ %v");
}

/// Blocks the signals that stop a broker, for this thread and all that it starts, so that only sigwait sees them.
sigset_t take_over_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a file size limit shows as EFBIG, as any failing write
  return set;
}

/// What the thread that waits for signals shares with the one that runs the broker.
struct Run {
  std::mutex mutex;
  std::condition_variable changed;
  Broker* broker = nullptr;  // while it is there
  bool signalled = false;
  bool failed = false;

  void on_signal() {
    const std::lock_guard lock{mutex};
    signalled = true;
    if (broker != nullptr) broker->interrupt();
    changed.notify_all();
  }
  void on_failure() {
    const std::lock_guard lock{mutex};
    failed = true;
    changed.notify_all();
  }
  void wait() {
    std::unique_lock lock{mutex};
    changed.wait(lock, [this] { return signalled || failed; });
  }
  void set(Broker* now) {
    const std::lock_guard lock{mutex};
    broker = now;
  }
  int status(bool started) {
    const std::lock_guard lock{mutex};
    return failed || (!started && !signalled) ? kFailed : 0;
  }
};

int wait_for(const sigset_t& set) {
  int signal = 0;
  while (sigwait(&set, &signal) != 0) {
  }
  return signal;
}

}  // namespace

int run_until_signalled(config::LoadedConfig loaded) {
  set_up_logging();
  const auto signals = take_over_signals();
  raise_descriptor_limit();
  for (const auto& warning : loaded.warnings) spdlog::warn("{}", warning);
  auto listeners = loaded.settings.listeners;
  const auto& of_controller = loaded.settings.cluster.controller_listeners;
  listeners.insert(listeners.end(), of_controller.begin(), of_controller.end());
  const auto run = std::make_shared<Run>();
  Broker broker{std::move(loaded)};
  broker.on_fatal([run] { run->on_failure(); });
  run->set(&broker);
  std::thread{[run, signals] {
    spdlog::info("signal={} stopping; once more to stop at once", wait_for(signals));
    run->on_signal();
    wait_for(signals);
    ::_exit(kFailed);
  }}.detach();
  const bool started = broker.start();
  if (started) {
    for (const auto& listener : listeners) {
      spdlog::info("serving node_id={} listener={}://{}:{}", broker.node_id().value(), listener.name, listener.host,
                   broker.port_of(listener.name));
    }
    run->wait();
  }
  run->set(nullptr);
  broker.stop();
  if (started) spdlog::info("stopped");
  return run->status(started);
}

}  // namespace sluice::broker

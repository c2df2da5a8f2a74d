#include <csignal>
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
  const auto listeners = loaded.settings.listeners;
  const auto node_id = loaded.settings.node_id.value();
  Broker broker{std::move(loaded)};
  if (!broker.start()) return kFailed;
  for (const auto& listener : listeners) {
    spdlog::info("serving node_id={} listener={}://{}:{}", node_id, listener.name, listener.host,
                 broker.port_of(listener.name));
  }
  spdlog::info("signal={} stopping; once more to stop at once", wait_for(signals));
  std::thread{[signals] {
    wait_for(signals);
    ::_exit(kFailed);
  }}.detach();
  broker.stop();
  spdlog::info("stopped");
  return 0;
}

}  // namespace sluice::broker

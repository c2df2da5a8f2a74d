#include "broker/integrity/recovery_watch.hpp"

#include <chrono>
#include <spdlog/spdlog.h>

namespace sluice::broker::integrity {
namespace {

constexpr std::chrono::seconds kInterval{3};

}  // namespace

RecoveryWatch::RecoveryWatch(const storage::RecoveryProgress& progress)
    : progress_(progress), thread_([this] { run(); }) {}

RecoveryWatch::~RecoveryWatch() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void RecoveryWatch::run() {
  std::unique_lock lock{mutex_};
  while (!wake_.wait_for(lock, kInterval, [this] { return stopping_; })) {
    spdlog::info("opening logs: partitions={}/{} bytes_left={} of those begun", progress_.logs_done.load(),
                 progress_.logs_total.load(), progress_.bytes_left.load());
  }
}

}  // namespace sluice::broker::integrity

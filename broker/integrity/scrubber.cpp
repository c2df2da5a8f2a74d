#include "broker/integrity/scrubber.hpp"

#include <algorithm>
#include <pthread.h>
#include <spdlog/spdlog.h>
#include <utility>
#include <vector>

#include "broker/thread_priority.hpp"

namespace sluice::broker::integrity {
namespace {

using std::chrono::milliseconds;

// A step is a quarter of a second's worth: more would come in bursts, less costs calls.
constexpr std::uint64_t kStepsPerSecond = 4;
constexpr std::uint64_t kStepBytesMin = 64U << 10;
constexpr std::uint64_t kStepBytesMax = 16U << 20;

// How often the logs are looked through for what is due, at the most and at the least.
constexpr milliseconds kLookMin{std::chrono::seconds{1}};
constexpr milliseconds kLookMax{std::chrono::minutes{10}};
constexpr int kLooksPerInterval = 100;

}  // namespace

void Scrubber::start() {
  if (options_.bytes_per_second == 0) return;
  thread_ = std::thread{[this] {
    ::pthread_setname_np(::pthread_self(), "sluice-scrub");
    yield_to_other_threads();
    run();
  }};
}

void Scrubber::stop() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

bool Scrubber::pause(milliseconds time) {
  std::unique_lock lock{mutex_};
  return !wake_.wait_for(lock, time, [this] { return stopping_; });
}

void Scrubber::run() {
  const auto look = std::clamp(options_.interval / kLooksPerInterval, kLookMin, kLookMax);
  while (pause(look)) run_pass();
}

void Scrubber::run_pass() {
  std::vector<std::pair<TopicPartition, std::weak_ptr<storage::Log>>> logs;
  logs_.for_each([&](const TopicPartition& partition, const std::shared_ptr<storage::Log>& log, const std::string&) {
    if (log->segment_count() > 1) logs.emplace_back(partition, log);
  });
  for (const auto& [partition, held] : logs) {
    if (!pause(milliseconds{0})) return;
    if (const auto log = held.lock(); log && !log->is_offline()) scrub(partition, *log);
  }
  metrics_.scrub_last_pass_ms.store(now_().value(), std::memory_order_relaxed);
}

void Scrubber::scrub(const TopicPartition& partition, const storage::Log& log) {
  const auto step_bytes =
      static_cast<std::uint32_t>(std::clamp(options_.bytes_per_second / kStepsPerSecond, kStepBytesMin, kStepBytesMax));
  const Timestamp since{now_() - options_.interval.count()};
  storage::ScrubCursor cursor;
  while (true) {
    const auto step = log.scrub(cursor, step_bytes, since, now_());
    if (step && step->done) return;
    if (!step) {
      spdlog::error("partition={} offset={} can't be scrubbed: {}", partition.to_string(), cursor.segment_base.value(),
                    step.error().message());
    }
    const auto bytes = step ? step->bytes : step_bytes;
    metrics_.scrubbed_bytes_total.add(step ? step->bytes : 0);
    if (!pause(milliseconds{bytes * 1000 / options_.bytes_per_second})) return;
  }
}

}  // namespace sluice::broker::integrity

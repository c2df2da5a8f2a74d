#include "broker/thread_pulse.hpp"

#include <fmt/format.h>
#include <future>

namespace sluice::broker {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds kInterval{1};

}  // namespace

struct ThreadPulse::Beat {
  IoThread& thread;
  admin::Liveness::Heart& heart;
  std::unique_ptr<Timer> timer = {};
  Clock::time_point due = {};
};

ThreadPulse::ThreadPulse(const std::vector<std::unique_ptr<IoThread>>& threads, admin::Liveness& liveness,
                         metrics::Histogram& event_loop_lag)
    : event_loop_lag_(event_loop_lag) {
  for (const auto& thread : threads) {
    auto& heart = liveness.add(fmt::format("io-{}", thread->index()), Clock::now());
    auto& beat = *beats_.emplace_back(new Beat{*thread, heart});
    thread->post([this, &beat] { arm(beat); });
  }
}

ThreadPulse::~ThreadPulse() = default;

void ThreadPulse::arm(Beat& beat) {
  beat.due = Clock::now() + kInterval;
  beat.timer = beat.thread.after(kInterval, [this, &beat] {
    const auto now = Clock::now();
    beat.heart.beat(now);
    event_loop_lag_.observe(now - beat.due);
    arm(beat);
  });
}

void ThreadPulse::stop() {
  for (auto& beat : beats_) {
    std::promise<void> taken;
    beat->thread.post([&] {
      beat->timer.reset();
      taken.set_value();
    });
    taken.get_future().wait();
  }
}

}  // namespace sluice::broker

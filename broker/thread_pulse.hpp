#pragma once

#include <chrono>
#include <memory>
#include <vector>

#include "broker/admin/liveness.hpp"
#include "broker/metrics/histogram.hpp"
#include "broker/server/io_thread.hpp"

namespace sluice::broker {

/// Once a second on each io thread: a sign of life, and by how much it came late, which is the event loop's lag.
class ThreadPulse {
 public:
  ThreadPulse(const std::vector<std::unique_ptr<IoThread>>& threads, admin::Liveness& liveness,
              metrics::Histogram& event_loop_lag);
  ~ThreadPulse();  ///< the threads must have ended, or `stop` been called
  void stop();     ///< while the threads run: takes the timers back

 private:
  struct Beat;
  void arm(Beat& beat);

  metrics::Histogram& event_loop_lag_;
  std::vector<std::unique_ptr<Beat>> beats_;
};

}  // namespace sluice::broker

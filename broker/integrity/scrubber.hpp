#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>

#include "broker/metrics/broker_metrics.hpp"
#include "protocol/base/ids.hpp"
#include "storage/log_manager.hpp"

namespace sluice::broker::integrity {

struct ScrubOptions {
  std::uint64_t bytes_per_second = 0;     ///< 0: off
  std::chrono::milliseconds interval{0};  ///< each segment is read at most once in this time
};

/// Reads sealed segments again from the disk, slowly, so that what rots there is found before somebody needs it. One
/// thread, which sleeps while nothing is due.
class Scrubber {
 public:
  Scrubber(storage::LogManager& logs, const ScrubOptions& options, metrics::BrokerMetrics& metrics,
           std::function<Timestamp()> now)
      : logs_(logs), options_(options), metrics_(metrics), now_(std::move(now)) {}
  ~Scrubber() { stop(); }
  Scrubber(const Scrubber&) = delete;
  Scrubber& operator=(const Scrubber&) = delete;

  void start();  ///< nothing to do when it is off
  void stop();   ///< waits for the read that is going on; idempotent

 private:
  void run();
  void run_pass();
  void scrub(const TopicPartition& partition, const storage::Log& log);
  bool pause(std::chrono::milliseconds time);  ///< false when it is to stop

  storage::LogManager& logs_;
  const ScrubOptions options_;
  metrics::BrokerMetrics& metrics_;
  const std::function<Timestamp()> now_;

  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace sluice::broker::integrity

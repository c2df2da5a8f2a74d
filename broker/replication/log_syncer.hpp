#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace sluice::broker::metrics {
struct BrokerMetrics;
}

namespace sluice::broker::replication {

class Partition;

/// Group commit: makes appended records durable, one sync for everything that was appended to a partition since its
/// last. A partition is synced by one thread at a time; while that runs, new appends only mark that another is wanted.
class LogSyncer {
 public:
  LogSyncer(unsigned threads, metrics::BrokerMetrics& metrics);
  ~LogSyncer();  ///< as `stop`
  LogSyncer(const LogSyncer&) = delete;
  LogSyncer& operator=(const LogSyncer&) = delete;

  /// Everything appended before the call will be synced, and Partition::sync_now tells when. Cheap; from any thread.
  void request(const std::shared_ptr<Partition>& partition);
  void stop();  ///< finishes what was requested; idempotent

 private:
  void run();
  void push(std::shared_ptr<Partition> partition);
  void sync(const std::shared_ptr<Partition>& partition);

  metrics::BrokerMetrics& metrics_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::shared_ptr<Partition>> queue_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace sluice::broker::replication

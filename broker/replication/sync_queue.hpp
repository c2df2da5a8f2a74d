#pragma once

#include <chrono>
#include <memory>

namespace sluice::broker::replication {

class Partition;

/// Who makes a partition's records durable: Partition::sync_now is called some time after a request.
class SyncQueue {
 public:
  using Instant = std::chrono::steady_clock::time_point;

  virtual ~SyncQueue() = default;
  /// Everything appended before the call will be synced. Cheap; from any thread.
  virtual void request(const std::shared_ptr<Partition>& partition) = 0;
  /// Calls Partition::flush_due once `due` has come.
  virtual void request_by(const std::shared_ptr<Partition>& partition, Instant due) = 0;
};

}  // namespace sluice::broker::replication

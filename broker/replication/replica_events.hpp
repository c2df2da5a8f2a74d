#pragma once

#include <memory>

#include "protocol/base/ids.hpp"

namespace sluice::broker::replication {

class Partition;

/// What a partition tells those who act for it. On any thread, with the partition's locks held: may only schedule work.
class ReplicaEvents {
 public:
  virtual ~ReplicaEvents() = default;
  /// As leader: another ISR is wanted. Partition::take_isr_change tells which.
  virtual void on_isr_change_wanted(const std::shared_ptr<Partition>& partition) noexcept = 0;
  /// As follower: more of its log is synced, and its leader's high watermark waits for that.
  virtual void on_follower_synced(const std::shared_ptr<Partition>& partition) noexcept = 0;
};

}  // namespace sluice::broker::replication
